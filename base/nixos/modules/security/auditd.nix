# auditd: keeps what the kernel records for audits.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.security.auditd;

  text = value: if builtins.isBool value then (if value then "yes" else "no") else toString value;
in
{
  options.security.auditd = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether records for audits are kept in /var/log/audit.";
    };
    settings = mkOption {
      type = types.attrsOf (
        types.nullOr (
          types.oneOf [
            types.bool
            types.int
            types.str
          ]
        )
      );
      default = { };
      description = "Settings of {manpage}`auditd.conf(5)`.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [ "auditd" ];

    security.auditd.settings = lib.mapAttrs (_: lib.mkDefault) {
      log_file = "/var/log/audit/audit.log";
      log_format = "ENRICHED";
      log_group = "root";
      flush = "INCREMENTAL_ASYNC";
      freq = 50;
      max_log_file = 8;
      num_logs = 5;
      max_log_file_action = "ROTATE";
      space_left = "75";
      space_left_action = "SYSLOG";
      admin_space_left = "50";
      admin_space_left_action = "SUSPEND";
      disk_full_action = "SUSPEND";
      disk_error_action = "SUSPEND";
      name_format = "NONE";
    };

    environment.etc."audit/auditd.conf" = {
      mode = "0640";
      text = lib.concatStrings (
        lib.mapAttrsToList (name: value: lib.optionalString (value != null) "${name} = ${text value}\n") cfg.settings
      );
    };

    systemd.tmpfiles.rules = [ "d /var/log/audit 0700 root root -" ];
    systemd.services.auditd = {
      overrideStrategy = "asDropin";
      wantedBy = [ "multi-user.target" ];
      # It refuses to be restarted by hand, so a switch leaves it alone.
      restartIfChanged = false;
    };
  };
}
