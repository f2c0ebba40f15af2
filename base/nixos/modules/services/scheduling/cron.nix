# cron.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.cron;
in
{
  options.services.cron = {
    enable = mkOption {
      type = types.bool;
      default = cfg.systemCronJobs != [ ] || cfg.cronFiles != [ ];
      defaultText = lib.literalMD "whether there are jobs";
      description = "Whether cron runs commands at set times.";
    };
    mailto = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "Who gets the output of jobs by mail.";
    };
    systemCronJobs = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "* * * * *  test   ls -l / > /tmp/cronout 2>&1" ];
      description = "Jobs: when, as whom and what, in the form of {manpage}`crontab(5)`.";
    };
    cronFiles = mkOption {
      type = types.listOf types.path;
      default = [ ];
      description = "Files with jobs, read when the system is evaluated.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [ "cron" ];
    users.groups.crontab = { };

    environment.etc.crontab = {
      mode = "0644";
      text = ''
        SHELL=/bin/bash
        PATH=/run/wrappers/bin:/run/current-system/sw/bin:/usr/sbin:/usr/bin:/sbin:/bin
        ${lib.optionalString (cfg.mailto != null) "MAILTO=${cfg.mailto}"}
        ${lib.concatStringsSep "\n" cfg.systemCronJobs}
        ${lib.concatMapStringsSep "\n" builtins.readFile cfg.cronFiles}
      '';
    };

    systemd.tmpfiles.rules = [ "d /var/spool/cron/crontabs 1730 root crontab -" ];
    security.wrappers.crontab = {
      setgid = true;
      owner = "root";
      group = "crontab";
      source = "/usr/bin/crontab";
    };
    security.pam.services.cron = { };
    systemd.services.cron = {
      overrideStrategy = "asDropin";
      wantedBy = [ "multi-user.target" ];
      # Debian's unit names it.
      environment.EXTRA_OPTS = "";
    };
  };
}
