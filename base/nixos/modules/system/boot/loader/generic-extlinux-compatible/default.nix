# A menu in the form of extlinux, which U-Boot reads: boards without EFI boot by it.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.boot.loader.generic-extlinux-compatible;
  timeout = config.boot.loader.timeout;

  # Read by switch-to-configuration; a line a setting.
  settings = pkgs.writeText "boot-loader-extlinux" ''
    configuration-limit ${toString cfg.configurationLimit}
    timeout ${if timeout == null then "-1" else toString timeout}
    distribution ${config.system.nixos.distroName}
    device-trees ${if cfg.useGenerationDeviceTree then "1" else "0"}
    device-tree ${if config.hardware.deviceTree.name == null then "" else config.hardware.deviceTree.name}
  '';
in
{
  options.boot.loader.generic-extlinux-compatible = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether /boot/extlinux/extlinux.conf has a menu of the host's generations, for U-Boot.";
    };

    useGenerationDeviceTree = mkOption {
      type = types.bool;
      default = true;
      description = "Whether a generation boots with its kernel's descriptions of boards, not with U-Boot's own.";
    };

    configurationLimit = mkOption {
      type = types.int;
      default = 20;
      example = 10;
      description = "How many generations the menu has at most.";
    };

    mirroredBoots = mkOption {
      type = types.listOf types.attrs;
      default = [ { path = "/boot"; } ];
      description = "Where the menu is written. The Debian base writes it to /boot.";
    };

    populateCmd = mkOption {
      type = types.str;
      readOnly = true;
      default = throw "boot.loader.generic-extlinux-compatible.populateCmd: images of the Debian base are made without commands; leave out what calls it.";
      defaultText = lib.literalMD "not available";
      description = "A command that fills an image's /boot. The Debian base fills images itself.";
    };
  };

  config = lib.mkIf cfg.enable {
    system.toplevelEntries = [
      {
        path = "boot-loader/extlinux";
        source = "${settings}";
      }
    ];

    assertions = [
      {
        assertion = cfg.mirroredBoots == [ { path = "/boot"; } ];
        message = "boot.loader.generic-extlinux-compatible.mirroredBoots: the Debian base writes the menu to /boot alone.";
      }
    ];
  };
}
