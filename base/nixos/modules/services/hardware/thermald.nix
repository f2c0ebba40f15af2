# thermald: keeps Intel's processors from getting too hot.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.thermald;
in
{
  options.services.thermald = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether Intel processors are kept from getting too hot.";
    };
    debug = mkOption {
      type = types.bool;
      default = false;
      description = "Whether all it does is logged.";
    };
    ignoreCpuidCheck = mkOption {
      type = types.bool;
      default = false;
      description = "Whether it runs on processors that it does not know.";
    };
    configFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      description = "A file with its settings; it finds them out itself if null.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [ "thermald" ];
    systemd.services.thermald = {
      overrideStrategy = "asDropin";
      wantedBy = [ "multi-user.target" ];
      serviceConfig.ExecStart = [
        ""
        (
          "/usr/sbin/thermald --no-daemon --dbus-enable"
          + lib.optionalString cfg.debug " --loglevel=debug"
          + lib.optionalString cfg.ignoreCpuidCheck " --ignore-cpuid-check"
          + (if cfg.configFile != null then " --config-file ${cfg.configFile}" else " --adaptive")
        )
      ];
    };
  };
}
