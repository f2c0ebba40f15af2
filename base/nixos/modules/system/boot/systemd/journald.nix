# The journal.
{ config, lib, ... }:

let
  cfg = config.services.journald;
  inherit (lib) mkOption types;
in
{
  options.services.journald = {
    console = mkOption {
      type = types.str;
      default = "";
      example = "/dev/tty12";
      description = "A terminal that messages are shown on; empty for none.";
    };
    rateLimitInterval = mkOption {
      type = types.str;
      default = "30s";
      description = "The time in which a service's messages are counted.";
    };
    rateLimitBurst = mkOption {
      type = types.int;
      default = 10000;
      description = "How many messages of a service are kept in {option}`services.journald.rateLimitInterval`.";
    };
    storage = mkOption {
      type = types.enum [
        "persistent"
        "volatile"
        "auto"
        "none"
      ];
      default = "persistent";
      description = "Where messages are kept.";
    };
    audit = mkOption {
      type = types.either types.bool (types.enum [ "keep" ]) // {
        description = "boolean or \"keep\"";
      };
      default = "keep";
      description = "Whether the kernel's audit is switched on, off or left as it is.";
    };
    forwardToSyslog = mkOption {
      type = types.bool;
      default = false;
      description = "Whether messages go to a syslog daemon too.";
    };
    extraConfig = mkOption {
      type = types.lines;
      default = "";
      example = "SystemMaxUse=50M";
      description = "Further lines of {manpage}`journald.conf(5)`.";
    };
  };

  config.environment.etc."systemd/journald.conf".text = ''
    [Journal]
    Storage=${cfg.storage}
    RateLimitInterval=${cfg.rateLimitInterval}
    RateLimitBurst=${toString cfg.rateLimitBurst}
    ${lib.optionalString (cfg.console != "") ''
      ForwardToConsole=yes
      TTYPath=${cfg.console}
    ''}
    ForwardToSyslog=${lib.boolToString cfg.forwardToSyslog}
    Audit=${
      if cfg.audit == true then
        "yes"
      else if cfg.audit == false then
        "no"
      else
        ""
    }
    ${cfg.extraConfig}
  '';
}
