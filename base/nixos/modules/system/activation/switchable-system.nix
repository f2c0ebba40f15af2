# The program that makes a generation the running one, or the next one to boot.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.system.switch;
  directory = ./switch-to-configuration;
  modules = lib.filter (lib.hasSuffix ".pm") (lib.attrNames (builtins.readDir directory));
in
{
  options.system.switch = {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether a running host can change over to another generation.";
    };
    enableNg = mkOption {
      type = types.enum [ true ];
      default = true;
      description = "Which of NixOS's two programs does it; the Debian base has one of its own.";
    };
    inhibitors = mkOption {
      type = types.attrsOf types.str;
      default = { };
      example = lib.literalExpression "{ dbus-implementation = config.services.dbus.implementation; }";
      description = ''
        Values that must not change while the host runs, by name. A generation that has another value for one that
        the running generation has, too, is only switched to with `NIXOS_NO_CHECK=1`; it can be booted.
      '';
    };
  };

  config = {
    system.build.switchToConfiguration = pkgs.writeScript "switch-to-configuration" (
      if cfg.enable then
        builtins.readFile ./switch-to-configuration.pl
      else
        ''
          #!/bin/sh
          echo "this host cannot change over to another generation: system.switch.enable is false" >&2
          exit 1
        ''
    );

    system.toplevelEntries =
      lib.optionals cfg.enable (
        map (name: {
          path = "lib/switch-to-configuration/${name}";
          source = "${directory + "/${name}"}";
        }) modules
      )
      ++ [
        {
          path = "switch-inhibitors";
          text = lib.concatStrings (lib.mapAttrsToList (name: value: "${name} ${value}\n") cfg.inhibitors);
        }
      ];

    system.preSwitchChecks.switchInhibitors = ''
      if [ "$action" != switch ] && [ "$action" != test ]; then
        echo "Not checking switch inhibitors (action = $action)"
      elif [ -e "$running/switch-inhibitors" ]; then
        changed=0
        while read -r name value; do
          while read -r other now; do
            if [ "$name" = "$other" ] && [ "$value" != "$now" ]; then
              echo "$name: $value -> $now"
              changed=1
            fi
          done < "$incoming/switch-inhibitors"
        done < "$running/switch-inhibitors"
        if [ $changed = 1 ]; then
          echo "There are changes to critical components of the system: it takes a reboot (switch-to-configuration boot),"
          echo "or NIXOS_NO_CHECK=1 to change over all the same."
          exit 1
        fi
      fi
    '';

    # Restarted by each switch, before services: what else would run at a boot alone.
    systemd.targets.sysinit-reactivation.description = "Reactivate sysinit units";

    # It ends when it is done, so that it runs again each time.
    systemd.services.systemd-tmpfiles-resetup = {
      description = "Re-setup tmpfiles on a system that is already running";
      requiredBy = [ "sysinit-reactivation.target" ];
      after = [
        "local-fs.target"
        "systemd-journald.service"
      ];
      before = [
        "sysinit-reactivation.target"
        "shutdown.target"
      ];
      conflicts = [ "shutdown.target" ];
      unitConfig.DefaultDependencies = false;
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "/usr/bin/systemd-tmpfiles --create --remove --exclude-prefix=/dev";
        # systemd-tmpfiles(8): lines that could not be carried out.
        SuccessExitStatus = "DATAERR CANTCREAT";
      };
    };
  };
}
