# Checks that come before a switch.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  checks = lib.filterAttrs (_: text: text != null) config.system.preSwitchChecks;

  script = pkgs.writeScript "pre-switch-checks" ''
    #!/bin/bash
    # pre-switch-checks RUNNING NEW ACTION: a failure of one keeps the host as it is.
    running=$1
    incoming=$2
    action=$3
    exec >&2
    # Each check finds the new system and the action as NixOS hands them, too.
    set -- "$incoming" "$action"
    ${lib.concatStringsSep "\n" (
      lib.mapAttrsToList (name: text: ''
        # Not in a condition, where bash would not leave at an error.
        (
          set -eu
          ${text}
        )
        if [ $? -ne 0 ]; then
          printf "Pre-switch check '%s' failed\n" ${lib.escapeShellArg name} >&2
          exit 1
        fi
      '') checks
    )}
    exit 0
  '';
in
{
  options.system.preSwitchChecks = lib.mkOption {
    type = lib.types.attrsOf (lib.types.nullOr lib.types.str);
    default = { };
    example = {
      failsEveryTime = "false";
    };
    description = "Shell commands by name, run before a switch with the new system in `$incoming` and what is to be done in `$action`. One that fails keeps the host as it is.";
  };

  config.system.toplevelEntries = [
    {
      path = "pre-switch-checks";
      source = "${script}";
      mode = "0755";
    }
  ];
}
