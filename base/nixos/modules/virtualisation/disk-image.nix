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
  build = config.system.build;
  toplevel = build.toplevel;
  kernel = config.boot.kernelPackages.kernel;

  # Files have the names that switch-to-configuration gives them.
  kernelPath = "${kernel}/${kernel.kernelFile}";
  initrdPath = "${build.initialRamdisk}/${config.system.boot.loader.initrdFile}";
  storeName = path: import ../image/boot-name.nix path + ".efi";

  entry = ''
    title ${config.system.nixos.distroName}
    sort-key ${systemd-boot.sortKey}
    version Generation 1 ${config.system.nixos.label}
    linux /EFI/nixos/${storeName kernelPath}
    initrd /EFI/nixos/${storeName initrdPath}
    options init=${toplevel}/init ${lib.concatStringsSep " " config.boot.kernelParams}
  '';

  fallback = "BOOT${lib.toUpper systemd-boot.architecture}.EFI";

  espEntries =
    lib.optionals systemd-boot.enable systemdBootEntries
    ++ lib.optionals extlinux.enable (import ../image/extlinux-entries.nix { inherit config lib; });

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
      inherit (cfg.personal) takes;
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
          entries = import ../image/root-entries.nix { inherit toplevel; };
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
