# What a service's scripts become: a store path each, and a line in `[Service]`.
{ lib, pkgs }:

{ name, config, ... }:

let
  inherit (lib) mkIf mkMerge;

  # "getty@tty1" → "getty-tty1": what a store path may be called.
  storeName = lib.replaceStrings [ "@" "\\" ":" ] [ "-" "-" "-" ] name;

  script =
    step: commands:
    let
      program = "${storeName}-${step}";
      tree = pkgs.writeTextFile {
        name = "unit-script-${program}";
        executable = true;
        destination = "/bin/${program}";
        text = ''
          #!/bin/bash
          set -e

          ${commands}
        '';
      };
    in
    "${tree}/bin/${program}";

  withArguments = "${script "start" config.script}${lib.optionalString (config.scriptArgs != "") " ${config.scriptArgs}"}";
in
{
  config = mkMerge [
    (mkIf (config.preStart != "") {
      serviceConfig.ExecStartPre = [ (script "pre-start" config.preStart) ];
    })
    (mkIf (config.script != "") { serviceConfig.ExecStart = withArguments; })
    (mkIf (config.postStart != "") {
      serviceConfig.ExecStartPost = [ (script "post-start" config.postStart) ];
    })
    (mkIf (config.reload != "") { serviceConfig.ExecReload = script "reload" config.reload; })
    (mkIf (config.preStop != "") { serviceConfig.ExecStop = script "pre-stop" config.preStop; })
    (mkIf (config.postStop != "") { serviceConfig.ExecStopPost = script "post-stop" config.postStop; })
  ];
}
