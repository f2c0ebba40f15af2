# File systems and swap.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:

let
  inherit (lib) mkOption types;

  fileSystemModule =
    { name, config, ... }:
    {
      options = {
        enable = mkOption {
          type = types.bool;
          default = true;
          description = "Whether the file system is mounted.";
        };
        mountPoint = mkOption {
          type = types.str;
          default = name;
          example = "/mnt/usb";
          description = "The directory it is mounted on.";
        };
        device = mkOption {
          type = types.nullOr types.str;
          default = null;
          example = "/dev/disk/by-label/data";
          description = "The device, or what stands for it.";
        };
        label = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "The label of the file system, in place of {option}`device`.";
        };
        fsType = mkOption {
          type = types.str;
          default = "auto";
          example = "ext4";
          description = "The type of the file system.";
        };
        options = mkOption {
          type = types.nonEmptyListOf types.str;
          default = [ "defaults" ];
          example = [ "noatime" ];
          description = "Mount options.";
        };
        depends = mkOption {
          type = types.listOf types.str;
          default = [ ];
          example = [ "/persist" ];
          description = "Mount points that must be mounted before this one.";
        };
        neededForBoot = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the initial RAM disk mounts it. For /, /nix, /var, /etc and what lies around them it always does.";
        };
        autoFormat = mkOption {
          type = types.enum [ false ];
          default = false;
          description = "Whether an empty device gets a file system at boot.";
        };
        autoResize = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the file system grows to the size of its partition at boot.";
        };
        noCheck = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the file system is mounted without a check.";
        };
        formatOptions = mkOption {
          type = types.enum [ null ];
          default = null;
          description = "Options for a file system made at boot.";
        };
      };
      config = {
        device = lib.mkIf (config.label != null) (lib.mkDefault "/dev/disk/by-label/${config.label}");
        options = lib.mkMerge [
          (lib.mkIf config.autoResize [ "x-systemd.growfs" ])
          (lib.mkIf (utils.fsNeededForBoot config) [ "x-initrd.mount" ])
        ];
      };
    };

  swapModule =
    { config, ... }:
    {
      options = {
        device = mkOption {
          type = types.str;
          example = "/dev/disk/by-label/swap";
          description = "A partition or a file.";
        };
        label = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "The label of the partition, in place of {option}`device`.";
        };
        size = mkOption {
          type = types.nullOr types.int;
          default = null;
          description = "The size of a swap file in MiB; it is made when it is not there.";
        };
        priority = mkOption {
          type = types.nullOr types.int;
          default = null;
          description = "The priority; higher is used first.";
        };
        options = mkOption {
          type = types.listOf types.str;
          default = [ "defaults" ];
          description = "Options for {manpage}`swapon(8)`.";
        };
        discardPolicy = mkOption {
          type = types.nullOr (types.enum [ "once" "pages" "both" ]);
          default = null;
          description = "When freed blocks are discarded.";
        };
        deviceName = mkOption {
          type = types.str;
          internal = true;
          description = "The name of the device in units.";
        };
        realDevice = mkOption {
          type = types.str;
          internal = true;
          description = "The device that is swapped to.";
        };
      };
      config = {
        device = lib.mkIf (config.label != null) "/dev/disk/by-label/${config.label}";
        deviceName = utils.escapeSystemdPath config.device;
        realDevice = lib.mkDefault config.device;
      };
    };

  active = lib.filter (fs: fs.enable) (lib.attrValues config.fileSystems);
  sorted = lib.toposort utils.fsBefore active;
  fileSystems = sorted.result or [ ];

  # fstab(5): spaces and backslashes in a field are written in octal.
  escape = lib.replaceStrings [ " " "\t" "\\" ] [ "\\040" "\\011" "\\134" ];

  line =
    fs:
    let
      # The root file system is checked first, by the initial RAM disk.
      pass =
        if fs.noCheck || fs.device == null || lib.elem fs.fsType virtualTypes then
          "0"
        else if fs.mountPoint == "/" then
          "1"
        else
          "2";
      options =
        fs.options
        ++ map (path: "x-systemd.requires-mounts-for=${path}") fs.depends;
    in
    lib.concatMapStringsSep " " escape [
      (if fs.device == null then fs.fsType else fs.device)
      fs.mountPoint
      fs.fsType
      (lib.concatStringsSep "," (lib.unique options))
    ]
    + " 0 ${pass}\n";

  virtualTypes = [
    "9p"
    "auto"
    "btrfs"
    "cifs"
    "erofs"
    "none"
    "nfs"
    "nfs4"
    "overlay"
    "proc"
    "ramfs"
    "squashfs"
    "sysfs"
    "tmpfs"
    "virtiofs"
  ];

  tools = {
    btrfs = [ "btrfs-progs" ];
    cifs = [ "cifs-utils" ];
    ext2 = [ "e2fsprogs" ];
    ext3 = [ "e2fsprogs" ];
    ext4 = [ "e2fsprogs" ];
    exfat = [ "exfatprogs" ];
    f2fs = [ "f2fs-tools" ];
    nfs = [ "nfs-common" ];
    nfs4 = [ "nfs-common" ];
    ntfs = [ "ntfs-3g" ];
    ntfs3 = [ "ntfs-3g" ];
    vfat = [ "dosfstools" ];
    xfs = [ "xfsprogs" ];
  };

  swapOptions =
    swap:
    lib.concatStringsSep "," (
      swap.options
      ++ lib.optional (swap.priority != null) "pri=${toString swap.priority}"
      ++ lib.optional (swap.discardPolicy != null) "discard${lib.optionalString (swap.discardPolicy != "both") "=${swap.discardPolicy}"}"
      ++ lib.optional (swap.size != null) "x-systemd.requires=mkswap-${swap.deviceName}.service"
      ++ [ "nofail" ]
    );
in
{
  options = {
    fileSystems = mkOption {
      type = types.attrsOf (types.submodule fileSystemModule);
      default = { };
      example = lib.literalExpression ''
        {
          "/".device = "/dev/disk/by-label/nixos";
          "/data" = {
            device = "/dev/sdb1";
            fsType = "ext4";
            options = [ "nofail" ];
          };
        }
      '';
      description = "File systems by their mount point.";
    };

    swapDevices = mkOption {
      type = types.listOf (types.submodule swapModule);
      default = [ ];
      example = [ { device = "/dev/disk/by-label/swap"; } ];
      description = "Partitions and files that memory is swapped to.";
    };

    system.fsPackages = mkOption {
      internal = true;
      type = types.listOf types.package;
      default = [ ];
      description = "Packages with programs that mount and check file systems.";
    };

    boot.supportedFilesystems = mkOption {
      type =
        let
          fsSet = types.attrsOf types.bool;
        in
        types.coercedTo (types.listOf types.str) (
          names: lib.listToAttrs (map (name: lib.nameValuePair name true) names)
        ) fsSet;
      default = { };
      example = [ "btrfs" ];
      description = "File systems that the host can mount besides those it does.";
    };
  };

  config = {
    system.build.fileSystems = fileSystems;

    boot.supportedFilesystems = lib.listToAttrs (
      map (fs: lib.nameValuePair fs.fsType true) fileSystems
    );

    environment.debianPackages =
      lib.concatMap (name: tools.${name} or [ ]) (
        lib.attrNames (lib.filterAttrs (_: wanted: wanted) config.boot.supportedFilesystems)
      )
      ++ lib.concatMap (package: package.debianPackages or [ ]) config.system.fsPackages;

    environment.etc.fstab.text =
      "# Made from fileSystems and swapDevices of the configuration.\n"
      + lib.concatMapStrings line fileSystems
      + lib.concatMapStrings (
        swap: "${escape swap.realDevice} none swap ${swapOptions swap} 0 0\n"
      ) config.swapDevices;

    systemd.services = lib.listToAttrs (
      map (
        swap:
        lib.nameValuePair "mkswap-${swap.deviceName}" {
          description = "Initialisation of swap device ${swap.device}";
          before = [ "${swap.deviceName}.swap" ];
          wantedBy = [ "${swap.deviceName}.swap" ];
          unitConfig = {
            DefaultDependencies = false;
            RequiresMountsFor = dirOf swap.device;
          };
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
          };
          script = ''
            size=$(( ${toString swap.size} * 1024 * 1024 ))
            if [ "$(stat -c %s ${lib.escapeShellArg swap.device} 2>/dev/null || echo 0)" != "$size" ]; then
              rm -f ${lib.escapeShellArg swap.device}
              touch ${lib.escapeShellArg swap.device}
              chmod 0600 ${lib.escapeShellArg swap.device}
              fallocate -l "$size" ${lib.escapeShellArg swap.device}
              mkswap ${lib.escapeShellArg swap.device}
            fi
          '';
        }
      ) (lib.filter (swap: swap.size != null) config.swapDevices)
    );

    assertions = [
      {
        assertion = sorted ? result;
        message = "The file systems depend on each other in a circle: ${lib.concatMapStringsSep ", " (fs: fs.mountPoint) (sorted.cycle or [ ])}.";
      }
      {
        assertion = !config.boot.kernel.enable || config.fileSystems ? "/";
        message = "There is no root file system; set fileSystems.\"/\".";
      }
      {
        assertion = lib.all (fs: fs.device != null || lib.elem fs.fsType virtualTypes) active;
        message = "No device is set for fileSystems.\"${(lib.findFirst (fs: fs.device == null) { mountPoint = ""; } active).mountPoint}\".";
      }
    ];
  };
}
