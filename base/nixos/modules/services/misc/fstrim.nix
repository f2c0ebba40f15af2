# Telling disks which blocks are free.
{ config, lib, ... }:

let
  cfg = config.services.fstrim;
in
{
  options.services.fstrim = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = "Whether file systems tell their disks at regular times which blocks are free.";
    };
    interval = lib.mkOption {
      type = lib.types.str;
      default = "weekly";
      description = "How often; see {manpage}`systemd.time(7)`.";
    };
  };

  config = lib.mkIf cfg.enable {
    systemd.timers.fstrim = {
      overrideStrategy = "asDropin";
      wantedBy = [ "timers.target" ];
      timerConfig = lib.mkIf (cfg.interval != "weekly") {
        OnCalendar = [
          ""
          cfg.interval
        ];
      };
    };
  };
}
