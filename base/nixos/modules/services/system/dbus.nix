# The system's message bus.
{ config, lib, ... }:

let
  cfg = config.services.dbus;
in
{
  options.services.dbus = {
    enable = lib.mkOption {
      type = lib.types.enum [ true ];
      default = true;
      description = "Whether the host has a message bus; systemd needs one.";
    };
    packages = lib.mkOption {
      type = lib.types.listOf lib.types.package;
      default = [ ];
      description = "Packages with services and policies of the bus. Those of Debian packages that the host has are always taken.";
    };
  };

  config = {
    environment.debianPackages = [
      "dbus"
      "dbus-system-bus-common"
      "dbus-user-session"
    ]
    ++ lib.concatMap (package: package.debianPackages or [ ]) cfg.packages;

    # Restarted, it would cut every program on the bus off.
    systemd.services.dbus = {
      overrideStrategy = "asDropin";
      reloadIfChanged = true;
    };

    assertions = map (package: {
      assertion = package ? debianPackages;
      message = "services.dbus.packages: `${lib.getName package}` is not a Debian package; the bus reads the files of Debian packages alone.";
    }) cfg.packages;
  };
}
