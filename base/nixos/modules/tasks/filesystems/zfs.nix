# ZFS: its options, and why the Debian base cannot carry them out.
#
# Debian has the file system as source alone (zfs-dkms): it is compiled on each machine for each kernel, by maintainer
# scripts. Hosts of the base are made without running any, and have neither compiler nor kernel headers.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;

  flag =
    default: description:
    mkOption {
      type = types.bool;
      inherit default description;
    };
  text =
    default: description:
    mkOption {
      type = types.str;
      inherit default description;
    };
  strings =
    description:
    mkOption {
      type = types.listOf types.str;
      default = [ ];
      inherit description;
    };
  kept = description: mkOption {
    type = types.int;
    default = 4;
    inherit description;
  };

  wanted =
    lib.optional (config.boot.supportedFilesystems.zfs or false) "boot.supportedFilesystems or a file system of fileSystems"
    ++ lib.optional (config.boot.zfs.extraPools != [ ]) "boot.zfs.extraPools"
    ++ lib.optional config.services.zfs.autoScrub.enable "services.zfs.autoScrub.enable"
    ++ lib.optional config.services.zfs.trim.enable "services.zfs.trim.enable"
    ++ lib.optional config.services.zfs.autoSnapshot.enable "services.zfs.autoSnapshot.enable";
in
{
  options = {
    boot.zfs = {
      package = mkOption {
        type = types.package;
        default = throw "boot.zfs.package: Debian has ZFS as source alone, so the Debian base has no package of it; use nixpkgs for this host";
        defaultText = lib.literalMD "none";
        description = "ZFS. The Debian base has none.";
      };
      forceImportRoot = flag true "Whether the pool of the root file system is taken even if another machine had it.";
      forceImportAll = flag false "Whether all pools are.";
      extraPools = strings "Pools that are taken besides those of file systems.";
      devNodes = text "/dev/disk/by-id" "Where pools are looked for.";
      allowHibernation = flag false "Whether the host may hibernate.";
      requestEncryptionCredentials = mkOption {
        type = types.either types.bool (types.listOf types.str);
        default = true;
        description = "Whether keys are asked for, or of which data sets.";
      };
    };
    services.zfs = {
      autoScrub = {
        enable = flag false "Whether pools are read and checked from time to time.";
        interval = text "monthly" "When; see {manpage}`systemd.time(7)`.";
        pools = strings "Which; all if empty.";
      };
      trim = {
        # NixOS's is true, and does nothing without a pool.
        enable = flag false "Whether disks are told from time to time what is free.";
        interval = text "weekly" "When.";
      };
      autoSnapshot = {
        enable = flag false "Whether states are kept from time to time.";
        flags = text "-k -p" "Arguments of the program.";
        frequent = kept "How many of each quarter of an hour are kept.";
        hourly = kept "How many of each hour are kept.";
        daily = kept "How many of each day are kept.";
        weekly = kept "How many of each week are kept.";
        monthly = kept "How many of each month are kept.";
      };
    };
  };

  config.assertions = [
    {
      assertion = wanted == [ ];
      message = ''
        ${lib.concatStringsSep ", " wanted}: Debian has ZFS as source alone (zfs-dkms), which is compiled on each machine for each kernel; hosts of the Debian base are made without that.
        Take ext4, btrfs or xfs for the file systems, or nixpkgs for this host (--override-input nixpkgs github:NixOS/nixpkgs).'';
    }
  ];
}
