# earlyoom: ends the largest program before memory runs out.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.earlyoom;

  percent = default: what: mkOption {
    type = types.ints.between 1 100;
    inherit default;
    description = what;
  };
in
{
  options.services.earlyoom = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the largest program is ended before memory runs out.";
    };
    freeMemThreshold = percent 10 "Programs get the signal to end below this share of free memory, in percent.";
    freeMemKillThreshold = mkOption {
      type = types.nullOr (types.ints.between 1 100);
      default = null;
      description = "Programs are killed below this share of free memory, in percent; half of the other one if null.";
    };
    freeSwapThreshold = percent 10 "The share of free swap in percent that must be undercut too.";
    freeSwapKillThreshold = mkOption {
      type = types.nullOr (types.ints.between 1 100);
      default = null;
      description = "The share of free swap in percent below which programs are killed; half of the other one if null.";
    };
    enableNotifications = mkOption {
      type = types.bool;
      default = false;
      description = "Whether users are told over D-Bus.";
    };
    reportInterval = mkOption {
      type = types.ints.unsigned;
      default = 3600;
      description = "How often the state of the memory is logged, in seconds; 0 is never.";
    };
    extraArgs = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [
        "-g"
        "--prefer"
        "(^|/)(java|chromium)$"
      ];
      description = "Further arguments of {manpage}`earlyoom(1)`.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [ "earlyoom" ];

    systemd.services.earlyoom = {
      overrideStrategy = "asDropin";
      wantedBy = [ "multi-user.target" ];
      serviceConfig.ExecStart =
        let
          pair = first: second: toString first + lib.optionalString (second != null) ",${toString second}";
        in
        [
          ""
          (
            "/usr/bin/earlyoom "
            + lib.escapeShellArgs (
              [
                "-m"
                (pair cfg.freeMemThreshold cfg.freeMemKillThreshold)
                "-s"
                (pair cfg.freeSwapThreshold cfg.freeSwapKillThreshold)
                "-r"
                (toString cfg.reportInterval)
              ]
              ++ lib.optional cfg.enableNotifications "-n"
              ++ cfg.extraArgs
            )
          )
        ];
    };
  };
}
