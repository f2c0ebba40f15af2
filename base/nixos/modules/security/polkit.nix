# polkit: who may ask services of the host for what.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.security.polkit;
in
{
  options.security.polkit = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether polkit decides on requests of users to services.";
    };

    debug = mkOption {
      type = types.bool;
      default = false;
      description = "Whether polkit logs all it does.";
    };

    extraConfig = mkOption {
      type = types.lines;
      default = "";
      example = ''
        polkit.addRule(function(action, subject) {
          if (subject.user == "alice") { return polkit.Result.YES; }
        });
      '';
      description = "Rules in JavaScript; see {manpage}`polkit(8)`.";
    };

    adminIdentities = mkOption {
      type = types.listOf types.str;
      default = [ "unix-group:wheel" ];
      example = [ "unix-user:alice" ];
      description = "Users and groups who count as administrators.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [
      "pkexec"
      "polkitd"
    ];

    users.users.polkitd = {
      isSystemUser = true;
      group = "polkitd";
      description = "User for polkitd";
    };
    users.groups.polkitd = { };

    environment.etc."polkit-1/rules.d/10-nixos.rules".text = ''
      polkit.addAdminRule(function(action, subject) {
        return [${lib.concatMapStringsSep ", " builtins.toJSON cfg.adminIdentities}];
      });

      ${cfg.extraConfig}
    '';

    systemd.services.polkit = {
      overrideStrategy = "asDropin";
      restartTriggers = [ config.environment.etc."polkit-1/rules.d/10-nixos.rules".source ];
      stopIfChanged = false;
      serviceConfig.ExecStart = lib.mkIf cfg.debug [
        ""
        "/usr/lib/polkit-1/polkitd --log-level=debug"
      ];
    };

    security.pam.services.polkit-1 = { };
    security.wrappers.pkexec = {
      setuid = true;
      owner = "root";
      group = "root";
      source = "/usr/bin/pkexec";
    };
  };
}
