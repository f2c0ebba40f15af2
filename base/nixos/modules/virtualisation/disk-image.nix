# A disk with an EFI system partition and a root file system that grows to the
# disk it is put on.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.image;
  systemd-boot = config.boot.loader.systemd-boot;
  extlinux = config.boot.loader.generic-extlinux-compatible;
  deviceTree = config.hardware.deviceTree;
  build = config.system.build;
  toplevel = build.toplevel;
  kernel = config.boot.kernelPackages.kernel;

  # Files have the names that switch-to-configuration gives them.
  kernelPath = "${kernel}/${kernel.kernelFile}";
  initrdPath = "${build.initialRamdisk}/${config.system.boot.loader.initrdFile}";
  bootName = builtins.replaceStrings [ "${builtins.storeDir}/" "/" ] [ "" "-" ];
  storeName = path: bootName path + ".efi";

  entry = ''
    title ${config.system.nixos.distroName}
    sort-key ${systemd-boot.sortKey}
    version Generation 1 ${config.system.nixos.label}
    linux /EFI/nixos/${storeName kernelPath}
    initrd /EFI/nixos/${storeName initrdPath}
    options init=${toplevel}/init ${lib.concatStringsSep " " config.boot.kernelParams}
  '';

  fallback = "BOOT${lib.toUpper systemd-boot.architecture}.EFI";

  # What install-boot-entries writes for the first generation.
  hasDeviceTrees = extlinux.useGenerationDeviceTree && deviceTree.enable;
  extlinuxMenu =
    let
      seconds = config.boot.loader.timeout;
      timeout =
        if seconds == null then
          0
        else if seconds == 0 then
          1
        else
          seconds * 10;
      lines = ''
        LINUX ../nixos/${bootName kernelPath}
        INITRD ../nixos/${bootName initrdPath}
        ${lib.optionalString hasDeviceTrees (
          if deviceTree.name != null then
            "FDT ../nixos/${bootName "${deviceTree.package}"}/${deviceTree.name}"
          else
            "FDTDIR ../nixos/${bootName "${deviceTree.package}"}"
        )}
        APPEND init=${toplevel}/init ${lib.concatStringsSep " " config.boot.kernelParams}
      '';
      title = config.system.nixos.distroName;
    in
    ''
      # Written by each switch; changes are lost.
      DEFAULT nixos-default
      MENU TITLE ------------------------------------------------------------
      TIMEOUT ${toString timeout}

      LABEL nixos-default
      MENU LABEL ${title} - Default
      ${lines}
      LABEL nixos-1
      MENU LABEL ${title} - Configuration 1 (${config.system.nixos.label})
      ${lines}
    '';

  extlinuxEntries = [
    {
      path = "extlinux/extlinux.conf";
      text = extlinuxMenu;
    }
    {
      path = "nixos/${bootName kernelPath}";
      source = kernelPath;
    }
    {
      path = "nixos/${bootName initrdPath}";
      source = initrdPath;
    }
  ]
  ++ lib.optional hasDeviceTrees {
    path = "nixos/${bootName "${deviceTree.package}"}";
    source = "${deviceTree.package}";
    optional = true;
  };

  espEntries =
    lib.optionals systemd-boot.enable systemdBootEntries ++ lib.optionals extlinux.enable extlinuxEntries;

  systemdBootEntries = [
    {
      path = "EFI/BOOT/${fallback}";
      source = systemd-boot.loader;
    }
    {
      path = "EFI/systemd/systemd-boot${systemd-boot.architecture}.efi";
      source = systemd-boot.loader;
    }
    {
      path = "EFI/nixos/${storeName kernelPath}";
      source = kernelPath;
    }
    {
      path = "EFI/nixos/${storeName initrdPath}";
      source = initrdPath;
    }
    {
      path = "loader/loader.conf";
      text = systemd-boot.loaderConfiguration + "default nixos-generation-1.conf\n";
    }
    {
      path = "loader/entries.srel";
      text = "type1\n";
    }
    {
      path = "loader/entries/nixos-generation-1.conf";
      text = entry;
    }
  ];

  directory = path: mode: {
    inherit path mode;
    directory = true;
  };
  link = path: symlink: { inherit path symlink; };

  rootEntries = [
    (link "bin" "usr/bin")
    (link "lib" "usr/lib")
    (link "lib64" "usr/lib64")
    (link "sbin" "usr/sbin")
    (directory "boot" "0755")
    (directory "dev" "0755")
    (directory "etc" "0755")
    (directory "home" "0755")
    (directory "mnt" "0755")
    (directory "nix/var/nix/gcroots" "0755")
    (directory "opt" "0755")
    (directory "proc" "0755")
    (directory "root" "0700")
    (directory "run" "0755")
    (directory "srv" "0755")
    (directory "sys" "0755")
    (directory "tmp" "1777")
    (directory "usr" "0755")
    (directory "var" "0755")
    (link "nix/var/nix/gcroots/profiles" "/nix/var/nix/profiles")
    (link "nix/var/nix/gcroots/current-system" "/run/current-system")
    (link "nix/var/nix/gcroots/booted-system" "/run/booted-system")
    (link "nix/var/nix/profiles/system" "system-1-link")
    (link "nix/var/nix/profiles/system-1-link" "${toplevel}")
  ];

  rootType =
    {
      x86_64-linux = "linux-root-x86-64";
      aarch64-linux = "linux-root-arm64";
    }
    .${pkgs.stdenv.hostPlatform.system} or "linux";

  mebibyte = 1024 * 1024;
in
{
  imports = [
    ../image/file-options.nix
    ../profiles/qemu-guest.nix
  ];

  options.image = {
    format = mkOption {
      type = types.enum [
        "raw"
        "qcow2"
      ];
      default = "qcow2";
      description = "The format of the image.";
    };

    efiSupport = mkOption {
      type = types.enum [ true ];
      default = true;
      description = "Whether the image boots on machines with EFI. On the Debian base each one does.";
    };

    espSize = mkOption {
      type = types.ints.positive;
      default = 256;
      description = "The size of the EFI system partition in MiB: room for the kernels and initial RAM disks of some generations.";
    };

    freeSpace = mkOption {
      type = types.ints.unsigned;
      default = 256;
      description = "The free space of the root file system in MiB, before it grows to its disk.";
    };
  };

  config = {
    boot.loader.grub.enable = lib.mkForce false;
    boot.loader.systemd-boot.enable = lib.mkDefault (!extlinux.enable);
    boot.growPartition = lib.mkDefault true;

    fileSystems = {
      "/" = {
        device = lib.mkImageMediaOverride "/dev/disk/by-label/nixos";
        fsType = lib.mkImageMediaOverride "ext4";
        autoResize = lib.mkDefault true;
      };
      "/boot" = {
        device = lib.mkImageMediaOverride "/dev/disk/by-label/ESP";
        fsType = lib.mkImageMediaOverride "vfat";
        options = [ "umask=0077" ];
      };
    };

    image.extension = if cfg.format == "raw" then "img" else "qcow2";

    system.build.image = pkgs.makeDiskImage {
      name = "nixos-disk-image";
      fileName = cfg.fileName;
      imageFormat = cfg.format;
      # Two hosts' disks must not have the same identifiers; two builds of one must.
      seed = "${config.networking.fqdnOrHostName}-${config.system.nixos.label}";
      partitions = [
        {
          name = "ESP";
          type = "esp";
          fileSystem = "vfat";
          label = "ESP";
          size = cfg.espSize * mebibyte;
          entries = espEntries;
        }
        {
          name = "root";
          type = rootType;
          fileSystem = "ext4";
          label = "nixos";
          freeSpace = cfg.freeSpace * mebibyte;
          entries = rootEntries;
          closure = [ "${toplevel}" ];
          registerStore = true;
        }
      ];
    };

    assertions = [
      {
        assertion = systemd-boot.enable || extlinux.enable;
        message = "An image boots by boot.loader.systemd-boot, or by U-Boot and boot.loader.generic-extlinux-compatible; neither is enabled.";
      }
    ];
  };
}
