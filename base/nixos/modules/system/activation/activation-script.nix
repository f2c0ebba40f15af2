# What brings a host into the state that its configuration says: small shell
# scripts in an order that their dependencies give.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.system;
  inherit (lib) mkOption types;

  scriptType = types.attrsOf (
    types.coercedTo types.str lib.noDepEntry (
      types.submodule (
        { ... }:
        {
          options = {
            deps = mkOption {
              type = types.listOf types.str;
              default = [ ];
              description = "The scripts that run before this one.";
            };
            text = mkOption {
              type = types.lines;
              description = "The shell commands.";
            };
            supportsDryActivation = mkOption {
              type = types.bool;
              default = false;
              description = "Whether the commands respect `$NIXOS_ACTION` being `dry-activate`, and so run then too.";
            };
          };
        }
      )
    )
  );

  # Each script runs whatever became of those before it; the status tells of any failure.
  wrapped =
    scripts:
    lib.mapAttrs (
      name: script:
      script
      // {
        text = ''
          #### ${name}
          _localstatus=0
          ${script.text}

          if (( _localstatus > 0 )); then
            _status=1
            printf "Activation script snippet '%s' failed (%s)\n" ${lib.escapeShellArg name} "$_localstatus"
          fi
        '';
      }
    ) scripts;

  header = ''
    #!/bin/bash

    # The generation is where this script lies.
    systemConfig=$(readlink -f "$(dirname "$0")")
    export PATH=/usr/sbin:/usr/bin:/run/current-system/sw/bin
    export LC_ALL=C.UTF-8
    umask 0022

    _status=0
    trap "_status=1 _localstatus=\$?" ERR

  '';

  script =
    scripts:
    header
    + lib.textClosureMap lib.id (wrapped scripts) (lib.attrNames scripts);

  dryScripts = lib.filterAttrs (_: script: script.supportsDryActivation) cfg.activationScripts;
in
{
  options.system = {
    activationScripts = mkOption {
      type = scriptType;
      default = { };
      example = lib.literalExpression ''
        {
          stdio.text = "test -e /dev/stdout || ln -s /proc/self/fd/1 /dev/stdout";
        }
      '';
      description = "Shell commands run at boot and at each switch. They can run at any time and again, so they must be harmless when there is nothing to do.";
    };

    dryActivationScript = mkOption {
      internal = true;
      readOnly = true;
      type = types.str;
      default =
        header
        + lib.textClosureMap lib.id
          (lib.mapAttrs (_: script: script // { deps = lib.filter (name: dryScripts ? ${name}) script.deps; }) (wrapped dryScripts))
          (lib.attrNames dryScripts)
        + "exit $_status\n";
      defaultText = lib.literalMD "the scripts that can tell what they would do";
      description = "The script that tells what an activation would change.";
    };

    userActivationScripts = mkOption {
      type = scriptType;
      default = { };
      description = "Shell commands run for each user when they log in and at each switch.";
    };
  };

  config = {
    system.build.activate = pkgs.writeScript "activate" (
      script cfg.activationScripts
      + ''
        # The generation in use; the garbage collector starts from here.
        ln -sfn "$systemConfig" /run/.current-system.new && mv -T /run/.current-system.new /run/current-system

        exit $_status
      ''
    );

    system.build.dryActivate = pkgs.writeScript "dry-activate" cfg.dryActivationScript;

    system.activationScripts = {
      # The name that older configurations order their scripts after.
      stdio = "";
      specialfs = ''
        mkdir -p /dev /proc /run /sys /tmp /var /root /home
        chmod 1777 /tmp
        chmod 0700 /root
      '';
      var = lib.stringAfter [ "specialfs" ] ''
        mkdir -p /var/lib/nixos /var/log /var/tmp /var/cache /var/spool /var/lib
        chmod 1777 /var/tmp
        # base-files ships them as directories.
        for directory in run lock; do
          [ -L /var/$directory ] || rmdir /var/$directory 2>/dev/null || true
        done
        [ -L /var/run ] || [ -e /var/run ] || ln -s /run /var/run
        [ -L /var/lock ] || [ -e /var/lock ] || ln -s /run/lock /var/lock
        # Directories and files that packages ship for /var, where the host has none.
        (cd "$systemConfig/var" && find . -mindepth 1 -type d) | while read -r directory; do
          [ -e "/var/$directory" ] || [ -L "/var/$directory" ] || mkdir "/var/$directory"
        done
        (cd "$systemConfig/var" && find . -mindepth 1 ! -type d) | while read -r file; do
          [ -e "/var/$file" ] || [ -L "/var/$file" ] || cp -P --no-preserve=timestamps "$systemConfig/var/$file" "/var/$file"
        done
      '';
      usrbinenv = "";
      binsh = "";
    };

    systemd.user.services.nixos-activation = lib.mkIf (cfg.userActivationScripts != { }) {
      description = "Run user-specific NixOS activation";
      script = lib.textClosureMap lib.id (wrapped cfg.userActivationScripts) (
        lib.attrNames cfg.userActivationScripts
      );
      unitConfig.ConditionUser = "!@system";
      serviceConfig.Type = "oneshot";
      wantedBy = [ "default.target" ];
    };
  };
}
