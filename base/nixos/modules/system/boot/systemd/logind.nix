# Logins, seats and what power keys do.
{
  config,
  lib,
  utils,
  ...
}:

let
  cfg = config.services.logind;
  inherit (lib) mkOption types;
in
{
  imports = lib.mapAttrsToList (
    old: new:
    lib.mkRenamedOptionModule
      [ "services" "logind" old ]
      [ "services" "logind" "settings" "Login" new ]
  ) {
    lidSwitch = "HandleLidSwitch";
    lidSwitchDocked = "HandleLidSwitchDocked";
    lidSwitchExternalPower = "HandleLidSwitchExternalPower";
    powerKey = "HandlePowerKey";
    suspendKey = "HandleSuspendKey";
    hibernateKey = "HandleHibernateKey";
    rebootKey = "HandleRebootKey";
    killUserProcesses = "KillUserProcesses";
  };

  options.services.logind.settings.Login = mkOption {
    type = types.submodule {
      freeformType = types.attrsOf utils.systemdUtils.unitOption;
    };
    default = { };
    example = {
      HandleLidSwitch = "ignore";
    };
    description = "Settings of {manpage}`logind.conf(5)`.";
  };

  config = {
    services.logind.settings.Login.KillUserProcesses = lib.mkDefault false;

    environment.etc."systemd/logind.conf".text =
      "[Login]\n${utils.systemdUtils.attrsToSection cfg.settings.Login}";

    # A restart would lose the sessions.
    systemd.services.systemd-logind = {
      overrideStrategy = "asDropin";
      restartIfChanged = false;
    };
  };
}
