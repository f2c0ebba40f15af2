# An SD card: a small FAT file system for a board's firmware, and a root file system that grows to the card. U-Boot finds
# kernel and menu in the root file system's /boot.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.sdImage;
  mebibyte = 1024 * 1024;
  inherit (config.system.build) toplevel;

  extension = {
    none = "img";
    zstd = "img.zst";
    xz = "img.xz";
  };

  # Stronger than what a host says of its own disk, weaker than what another image of it says.
  overHost = lib.mkOverride 70;

  # Nothing but these has a shell in the making of an image. They run in the sandbox, on the machine that builds.
  populateCommands =
    directory: instead: example:
    mkOption {
      type = types.lines;
      default = "";
      inherit example;
      description = "Shell commands that change `./${directory}`. They run in the sandbox, on {option}`nixpkgs.buildPlatform`; what needs no commands is quicker made by {option}`sdImage.${instead}`.";
    };

  # What commands make of a directory that has these entries to begin with.
  populated =
    directory: commands: before:
    pkgs.buildPackages.runCommand "sd-image-${directory}" { } ''
      mkdir ${directory}
      ${lib.optionalString (before != [ ]) ''cp -r --no-preserve=mode ${pkgs.makeTree "${directory}-before" before}/. ${directory}''}
      ${commands}
      cp -r ${directory} $out
    '';

  entry = types.attrsOf types.anything;

  # Grows the partition of / to the end of its disk. The table is one sector: a power cut leaves the old or the new.
  grow = pkgs.writeShellScript "grow-root-partition" ''
    set -eu
    device=$(findmnt --noheadings --output SOURCE --nofsroot /)
    name=''${device##*/}
    [ -e "/sys/class/block/$name/partition" ] || exit 0
    number=$(cat "/sys/class/block/$name/partition")
    disk=/dev/$(basename "$(readlink -f "/sys/class/block/$name/..")")
    echo ", +" | sfdisk --no-reread --no-tell-kernel --force --quiet -N "$number" "$disk"
    # The kernel does not read the table of a disk in use; it is told of this partition alone.
    partx --update --nr "$number" "$disk"
  '';
in
{
  imports = [
    ../../image/file-options.nix
    ../../profiles/all-hardware.nix
    (lib.mkRenamedOptionModule [ "sdImage" "imageBaseName" ] [ "image" "baseName" ])
    (lib.mkRenamedOptionModule [ "sdImage" "imageName" ] [ "image" "fileName" ])
    (lib.mkRemovedOptionModule [ "sdImage" "bootPartitionID" ]
      "The first partition holds a board's firmware alone; its identifier is sdImage.firmwarePartitionID."
    )
    (lib.mkRemovedOptionModule [ "sdImage" "bootSize" ]
      "Kernels lie on the root file system; the size of the partition for firmware is sdImage.firmwareSize."
    )
  ];

  options.sdImage = {
    storePaths = mkOption {
      type = types.listOf types.package;
      example = lib.literalExpression "[ pkgs.hello ]";
      description = "Store paths that the card has with their closures, besides the system's.";
      default = [ ];
    };

    firmwarePartitionOffset = mkOption {
      type = types.ints.positive;
      default = 8;
      description = "MiB before the first partition, where the boot loaders of some boards are put.";
    };

    firmwarePartitionID = mkOption {
      type = types.strMatching "0x[0-9a-fA-F]{8}";
      default = "0x2178694e";
      description = "The identifier of the disk and of the file system for firmware.";
    };

    firmwarePartitionName = mkOption {
      type = types.str;
      default = "FIRMWARE";
      description = "The label of the file system for firmware.";
    };

    firmwareSize = mkOption {
      type = types.ints.positive;
      default = 30;
      description = "The size of the partition for firmware in MiB.";
    };

    firmwareEntries = mkOption {
      type = types.listOf entry;
      default = [ ];
      example = lib.literalExpression ''[ { path = "config.txt"; text = "arm_64bit=1\n"; } ]'';
      description = "What the file system for firmware holds: each entry has a `path`, and `text` or `source`. Later ones replace earlier ones.";
    };

    populateFirmwareCommands = populateCommands "firmware" "firmwareEntries" "echo dtparam=spi=on >> firmware/config.txt";

    rootPartitionUUID = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "14e19a7b-0ae0-484d-9d54-43bd6fdc20c7";
      description = "The UUID of the root file system; made of the host's name if null.";
    };

    rootVolumeLabel = mkOption {
      type = types.str;
      default = "NIXOS_SD";
      description = "The label of the root file system.";
    };

    rootEntries = mkOption {
      type = types.listOf entry;
      default = [ ];
      example = lib.literalExpression ''[ { path = "srv/readme"; text = "…"; } ]'';
      description = "What the root file system holds besides the system: each entry has a `path`, and `text`, `source`, `symlink` or `directory`.";
    };

    populateRootCommands = populateCommands "files" "rootEntries" "mkdir -p files/srv";

    postBuildCommands = mkOption {
      type = types.lines;
      default = "";
      description = "Shell commands that change the image's file, which the Debian base does not run: nothing holds an image before it is compressed.";
    };

    compressImage = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the image is compressed.";
    };

    compression = mkOption {
      type = types.enum [
        "none"
        "zstd"
        "xz"
      ];
      default = if cfg.compressImage then "zstd" else "none";
      defaultText = lib.literalMD "`zstd`, if the image is compressed";
      description = "How the image is compressed. The controller of a Turing Pi takes `xz` alone.";
    };

    expandOnBoot = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the root file system grows to the card when the host starts.";
    };
  };

  config = {
    boot.loader.grub.enable = lib.mkDefault false;
    # It is for GPT.
    boot.growPartition = overHost false;
    boot.loader.generic-extlinux-compatible.enable = lib.mkDefault true;

    fileSystems = {
      "/" = {
        device = overHost "/dev/disk/by-label/${cfg.rootVolumeLabel}";
        fsType = overHost "ext4";
        autoResize = lib.mkDefault cfg.expandOnBoot;
      };
      # Nothing that runs needs it.
      "/boot/firmware" = {
        device = "/dev/disk/by-label/${cfg.firmwarePartitionName}";
        fsType = "vfat";
        options = [
          "nofail"
          "noauto"
        ];
      };
    };

    systemd.services.grow-root-partition = lib.mkIf cfg.expandOnBoot {
      description = "Grow the Root Partition";
      wantedBy = [ "sysinit.target" ];
      before = [ "systemd-growfs-root.service" ];
      after = [ "systemd-remount-fs.service" ];
      unitConfig.DefaultDependencies = false;
      path = [
        pkgs.coreutils
        pkgs.util-linux
        pkgs.fdisk
      ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = "${grow}";
      };
    };

    system.nixos.tags = [ "sd-card" ];
    # The host's other images are what they say.
    image.extension = lib.mkDefault extension.${cfg.compression};
    image.filePath = lib.mkDefault "sd-image/${config.image.fileName}";
    system.build.image = lib.mkDefault config.system.build.sdImage;

    system.build.sdImage = pkgs.makeDiskImage {
      name = config.image.fileName;
      inherit (config.image) fileName;
      directory = "sd-image";
      compression = if cfg.compression == "none" then null else cfg.compression;
      partitionTable = "mbr";
      signature = cfg.firmwarePartitionID;
      gap = cfg.firmwarePartitionOffset * mebibyte;
      inherit (config.image.personal) takes;
      inherit (config.system.debian) debHashes;
      # Two hosts' cards must not have the same identifiers; two builds of one must.
      seed = "${config.networking.fqdnOrHostName}-${config.system.nixos.label}";
      partitions = [
        {
          name = "firmware";
          type = "firmware";
          fileSystem = "vfat";
          label = cfg.firmwarePartitionName;
          volumeId = cfg.firmwarePartitionID;
          size = cfg.firmwareSize * mebibyte;
          entries =
            if cfg.populateFirmwareCommands == "" then
              cfg.firmwareEntries
            else
              [
                {
                  path = ".";
                  source = populated "firmware" cfg.populateFirmwareCommands cfg.firmwareEntries;
                }
              ];
        }
        (
          {
            name = "root";
            type = "linux";
            # U-Boot looks for its menu on the partition that is marked so.
            bootable = true;
            fileSystem = "ext4";
            label = cfg.rootVolumeLabel;
            freeSpace = 64 * mebibyte;
            entries =
              import ../../image/root-entries.nix { inherit toplevel; }
              ++ map (entry: entry // { path = "boot/${entry.path}"; }) (
                lib.optionals config.boot.loader.generic-extlinux-compatible.enable (
                  import ../../image/extlinux-entries.nix { inherit config lib; }
                )
              )
              ++ cfg.rootEntries
              ++ lib.optional (cfg.populateRootCommands != "") {
                path = ".";
                source = populated "files" cfg.populateRootCommands [ ];
              };
            closure = [ "${toplevel}" ] ++ map (path: "${path}") cfg.storePaths;
            registerStore = true;
          }
          // lib.optionalAttrs (cfg.rootPartitionUUID != null) { volumeId = cfg.rootPartitionUUID; }
        )
      ];
    };

    assertions = [
      {
        assertion = cfg.postBuildCommands == "";
        message = "sdImage.postBuildCommands: no file holds the image before it is compressed; put files on the card with sdImage.firmwareEntries or sdImage.rootEntries.";
      }
    ];
  };
}
