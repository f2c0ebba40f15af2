# What the kernel records for audits.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.security.audit;
  isOn = cfg.enable != false;

  failureModes = {
    silent = 0;
    printk = 1;
    panic = 2;
  };

  # auditctl(8) reads a file of its own arguments, a line each.
  rules = pkgs.writeText "audit.rules" ''
    -D
    -b ${toString cfg.backlogLimit}
    -f ${toString failureModes.${cfg.failureMode}}
    -r ${toString cfg.rateLimit}
    ${lib.concatStringsSep "\n" cfg.rules}
    -e ${if cfg.enable == "lock" then "2" else "1"}
  '';
in
{
  options.security.audit = {
    enable = mkOption {
      type = types.enum [
        false
        true
        "lock"
      ];
      default = config.security.auditd.enable;
      defaultText = lib.literalExpression "config.security.auditd.enable";
      description = "Whether the kernel records; with `lock` nobody can change what until the next boot.";
    };
    failureMode = mkOption {
      type = types.enum (lib.attrNames failureModes);
      default = "printk";
      description = "What happens when a record cannot be kept.";
    };
    backlogLimit = mkOption {
      type = types.int;
      default = 1024;
      description = "How many records may wait.";
    };
    rateLimit = mkOption {
      type = types.int;
      default = 0;
      description = "How many records a second there may be; 0 sets no limit.";
    };
    rules = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "-a exit,always -F arch=b64 -S execve" ];
      description = "What is recorded; see {manpage}`auditctl(8)`.";
    };
  };

  config = lib.mkIf isOn {
    system.debian.ownTexts = [ rules ];

    environment.debianPackages = [ "auditd" ];
    boot.kernelParams = [ "audit=1" ];

    # Debian's own, which auditd asks for, would read rules from /etc.
    systemd.services.audit-rules = {
      description = "Kernel Auditing";
      wantedBy = [ "sysinit.target" ];
      before = [
        "shutdown.target"
        "sysinit.target"
      ];
      conflicts = [ "shutdown.target" ];
      unitConfig = {
        DefaultDependencies = false;
        ConditionSecurity = "audit";
        ConditionVirtualization = "!container";
      };
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = "/usr/sbin/auditctl -R ${rules}";
        ExecStopPost = [
          "/usr/sbin/auditctl -D"
          "/usr/sbin/auditctl -e 0"
        ];
      };
    };
  };
}
