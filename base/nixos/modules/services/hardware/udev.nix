# Device nodes: their names, owners and what happens when they appear.
{
  config,
  lib,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.udev;
in
{
  options.services.udev = {
    enable = mkOption {
      type = types.bool;
      default = config.boot.kernel.enable;
      defaultText = lib.literalExpression "config.boot.kernel.enable";
      description = "Whether udev looks after devices.";
    };

    packages = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "Packages with rules. Rules of Debian packages that the host has are always taken.";
    };

    extraRules = mkOption {
      type = types.lines;
      default = "";
      example = ''
        ATTR{idVendor}=="0403", ATTR{idProduct}=="6011", GROUP="dialout"
      '';
      description = "Rules in the language of {manpage}`udev(7)`, after all others.";
    };

    extraHwdb = mkOption {
      type = types.enum [ "" ];
      default = "";
      description = "Entries of the hardware database, which the Debian base takes from packages alone.";
    };
  };

  config = lib.mkMerge [
    (lib.mkIf cfg.enable {
      environment.debianPackages = [
        "udev"
        "kmod"
      ]
      ++ lib.concatMap (package: package.debianPackages or [ ]) cfg.packages;

      environment.etc."udev/rules.d/99-local.rules" = lib.mkIf (cfg.extraRules != "") {
        text = cfg.extraRules;
      };

      assertions = map (package: {
        assertion = package ? debianPackages;
        message = "services.udev.packages: `${lib.getName package}` is not a Debian package; put its rules into services.udev.extraRules.";
      }) cfg.packages;
    })
    (lib.mkIf (!cfg.enable) {
      systemd.suppressedSystemUnits = [
        "systemd-udevd.service"
        "systemd-udevd-control.socket"
        "systemd-udevd-kernel.socket"
        "systemd-udev-trigger.service"
      ];
    })
  ];
}
