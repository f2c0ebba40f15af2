# The first stage of the boot: an initial RAM disk that finds the root file
# system, puts the generation's /usr in place and hands over.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.boot.initrd;
  kernel = config.boot.kernelPackages.kernel;

  fileSystems = lib.filter utils.fsNeededForBoot config.system.build.fileSystems;

  # What systemd and mount(8) read, and the kernel does not know.
  isKernelOption =
    option:
    !(lib.hasPrefix "x-" option)
    && !(lib.elem option [
      "auto"
      "defaults"
      "nofail"
      "noauto"
      "_netdev"
    ]);

  mountCommand =
    fs:
    let
      options = lib.filter isKernelOption fs.options;
    in
    "mount_file_system ${
      lib.escapeShellArgs [
        (if fs.device == null then fs.fsType else fs.device)
        fs.mountPoint
        fs.fsType
        (lib.concatStringsSep "," options)
        (if fs.noCheck then "nocheck" else "check")
      ]
    }";

  isExt = fs: lib.elem fs.fsType [ "ext2" "ext3" "ext4" "auto" ];

  fileSystemModules = {
    auto = [ ];
    ext2 = [ "ext4" ];
    ext3 = [ "ext4" ];
    ext4 = [ "ext4" ];
    vfat = [
      "vfat"
      "nls_cp437"
      "nls_iso8859_1"
      "nls_ascii"
      "nls_utf8"
    ];
    overlay = [ "overlay" ];
    squashfs = [
      "squashfs"
      "loop"
    ];
    erofs = [
      "erofs"
      "loop"
    ];
  };

  wantedFileSystems = lib.attrNames (
    lib.filterAttrs (_: wanted: wanted) (
      config.boot.initrd.supportedFilesystems
      // lib.listToAttrs (map (fs: lib.nameValuePair fs.fsType true) fileSystems)
    )
  );
  virtual = [
    "auto"
    "none"
    "proc"
    "ramfs"
    "sysfs"
    "tmpfs"
  ];
  modulesForFileSystems = lib.concatMap (name: fileSystemModules.${name} or [ name ]) (
    lib.filter (name: !(lib.elem name virtual)) wantedFileSystems
  );

  script = pkgs.writeText "stage-1-init.sh" (
    lib.replaceStrings
      [
        "@loadModules@"
        "@mountFileSystems@"
        "@rootWait@"
        "@preDeviceCommands@"
        "@postDeviceCommands@"
        "@preLVMCommands@"
        "@postResumeCommands@"
        "@postMountCommands@"
        "@preFailCommands@"
      ]
      [
        (lib.concatStringsSep " " cfg.kernelModules)
        (lib.concatMapStringsSep "\n" mountCommand fileSystems)
        "30"
        cfg.preDeviceCommands
        cfg.postDeviceCommands
        cfg.preLVMCommands
        cfg.postResumeCommands
        cfg.postMountCommands
        cfg.preFailCommands
      ]
      (builtins.readFile ./stage-1-init.sh)
  );

  # Content only: the tools and the libraries that they load.
  busybox = pkgs.debs.busybox-static;
  tools = pkgs.debianEnvironment {
    name = "${config.system.name}-initrd";
    packages = [
      "e2fsprogs"
      "libc6"
      "util-linux"
    ];
  };
  needsFsck = lib.any isExt fileSystems;

  applets = [
    "cat"
    "chroot"
    "cp"
    "cut"
    "dmesg"
    "echo"
    "find"
    "findfs"
    "grep"
    "head"
    "insmod"
    "ln"
    "ls"
    "mkdir"
    "mknod"
    "mount"
    "mountpoint"
    "mv"
    "poweroff"
    "readlink"
    "reboot"
    "rm"
    "sed"
    "sh"
    "sleep"
    "switch_root"
    "tr"
    "umount"
    "uname"
  ];
in
{

  options = {
    boot.initrd = {
      enable = mkOption {
        type = types.bool;
        default = config.boot.kernel.enable;
        defaultText = lib.literalExpression "config.boot.kernel.enable";
        description = "Whether the system boots through an initial RAM disk. On the Debian base each one with a kernel does.";
      };

      systemd.enable = mkOption {
        type = types.enum [ false ];
        default = false;
        description = "Whether systemd runs in the initial RAM disk. Here a shell script does its work.";
      };

      compressor = mkOption {
        type = types.enum [
          "zstd"
          "gzip"
          "xz"
          "cat"
        ];
        default = "zstd";
        description = "How the initial RAM disk is compressed.";
      };

      prepend = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "Archives put before the initial RAM disk, microcode for instance.";
      };

      extraFiles = mkOption {
        type = types.attrsOf (
          types.submodule {
            options.source = mkOption {
              type = types.path;
              description = "The file or directory.";
            };
          }
        );
        default = { };
        description = "Further files, by their place in the initial RAM disk.";
      };

      supportedFilesystems = mkOption {
        type = types.coercedTo (types.listOf types.str) (
          names: lib.listToAttrs (map (name: lib.nameValuePair name true) names)
        ) (types.attrsOf types.bool);
        default = { };
        description = "File systems that the initial RAM disk can mount besides those it does.";
      };

      allowMissingModules = mkOption {
        type = types.bool;
        default = false;
        description = "Whether modules that the kernel does not have are left out without an error.";
      };

      verbose = mkOption {
        type = types.bool;
        default = true;
        description = "Whether the initial RAM disk tells what it does.";
      };

      preDeviceCommands = mkOption {
        type = types.lines;
        default = "";
        description = "Shell commands run before the modules are loaded.";
      };
      postDeviceCommands = mkOption {
        type = types.lines;
        default = "";
        description = "Shell commands run when the modules are loaded.";
      };
      preLVMCommands = mkOption {
        type = types.lines;
        default = "";
        description = "Shell commands run before {option}`boot.initrd.postDeviceCommands`.";
      };
      postResumeCommands = mkOption {
        type = types.lines;
        default = "";
        description = "Shell commands run before file systems are mounted.";
      };
      postMountCommands = mkOption {
        type = types.lines;
        default = "";
        description = "Shell commands run when the file systems are mounted, below `/mnt-root`.";
      };
      preFailCommands = mkOption {
        type = types.lines;
        default = "";
        description = "Shell commands run when the boot has failed, before somebody is asked what to do.";
      };
    };

    system.boot.loader = {
      kernelFile = mkOption {
        internal = true;
        type = types.str;
        default = kernel.kernelFile;
        defaultText = lib.literalMD "the kernel's file name";
        description = "The file of the kernel in its package.";
      };
      initrdFile = mkOption {
        internal = true;
        type = types.str;
        default = "initrd";
        description = "The file of the initial RAM disk in its package.";
      };
    };
  };

  config = lib.mkIf config.boot.kernel.enable {
    boot.kernelParams = lib.optional (!cfg.verbose) "quiet";

    system.build.initialRamdisk = pkgs.makeInitrd {
      name = "initrd";
      inherit (cfg) compressor prepend;
      libraryPaths = tools;
      kernelModules = {
        tree = "${kernel}";
        version = kernel.modDirVersion;
        names = lib.unique (cfg.availableKernelModules ++ cfg.kernelModules ++ modulesForFileSystems);
        # Whether a module is built in, or there on this architecture, differs between kernels.
        optionalNames =
          if cfg.allowMissingModules then
            lib.unique (cfg.availableKernelModules ++ cfg.kernelModules ++ modulesForFileSystems)
          else
            cfg.defaultModules ++ modulesForFileSystems;
      };
      entries = [
        {
          path = "init";
          source = "${script}";
          mode = "0755";
        }
        {
          path = "bin/busybox";
          source = "${busybox}/usr/bin/busybox";
          mode = "0755";
        }
      ]
      ++ map (applet: {
        path = "bin/${applet}";
        symlink = "busybox";
      }) applets
      ++ lib.optionals needsFsck [
        {
          path = "bin/e2fsck";
          source = "${pkgs.debs.e2fsprogs}/usr/sbin/e2fsck";
          mode = "0755";
          elf = true;
        }
        # Debian's busybox has none.
        {
          path = "bin/blkid";
          source = "${pkgs.debs.util-linux}/usr/sbin/blkid";
          mode = "0755";
          elf = true;
        }
      ]
      ++
        map
          (directory: {
            path = directory;
            directory = true;
          })
          [
            "dev"
            "etc"
            "mnt-root"
            "proc"
            "run"
            "sys"
            "tmp"
          ]
      ++ lib.mapAttrsToList (path: file: {
        path = lib.removePrefix "/" path;
        source = "${file.source}";
      }) cfg.extraFiles;
    };

    assertions = [
      {
        assertion = cfg.enable;
        message = "boot.initrd.enable: hosts of the Debian base boot through an initial RAM disk; it puts /usr in place.";
      }
    ];
  };
}
