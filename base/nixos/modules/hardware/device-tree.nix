# Descriptions of boards that kernels of ARM and RISC-V machines read.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.hardware.deviceTree;
  kernel = config.boot.kernelPackages.kernel;
  all = "${kernel}/usr/lib/linux-image-${kernel.modDirVersion}";
in
{
  options.hardware.deviceTree = {
    enable = mkOption {
      type = types.bool;
      default = pkgs.stdenv.hostPlatform.isAarch || pkgs.stdenv.hostPlatform.isRiscV;
      defaultText = lib.literalMD "on ARM and RISC-V";
      description = "Whether the boot loader gets the descriptions that the kernel's package has.";
    };

    filter = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "*rpi*.dtb";
      description = "A pattern of the names of files that are taken; all if null.";
    };

    name = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "broadcom/bcm2711-rpi-4-b.dtb";
      description = "The file for this board; null lets the boot loader find out.";
    };

    overlays = mkOption {
      type = types.listOf types.attrs;
      default = [ ];
      description = "Changes to descriptions. They need a compiler in the build, which the Debian base does not run.";
    };

    package = mkOption {
      type = types.nullOr types.path;
      internal = true;
      readOnly = true;
      default =
        if !cfg.enable then
          null
        else if cfg.filter == null then
          all
        else
          pkgs.makeTree "device-trees" [
            {
              path = ".";
              source = all;
              include = [ "**/${cfg.filter}" ];
            }
          ];
      defaultText = lib.literalMD "the kernel's descriptions";
      description = "The directory of descriptions.";
    };
  };

  config = {
    system.toplevelEntries = lib.optionals (cfg.enable && config.boot.kernel.enable) [
      {
        path = "dtbs";
        symlink = "${cfg.package}";
        # A kernel for virtual machines has none.
        optional = true;
      }
    ];

    assertions = [
      {
        assertion = cfg.overlays == [ ];
        message = "hardware.deviceTree.overlays: the Debian base runs no compiler in builds; put compiled overlays on the firmware partition.";
      }
    ];
  };
}
