# What a service's scripts become: a store path each, and a line in `[Service]`.
{ lib, pkgs }:

{ name, config, ... }:

let
  inherit (lib) mkIf mkMerge;

  # "getty@tty1" → "getty-tty1": what a store path may be called.
  storeName = lib.replaceStrings [ "@" "\\" ":" ] [ "-" "-" "-" ] name;

  # The tree of each script that the service has, by the step that runs it.
  scripts = lib.mapAttrs (
    step: commands:
    pkgs.writeTextFile {
      name = "unit-script-${storeName}-${step}";
      executable = true;
      destination = "/bin/${storeName}-${step}";
      text = ''
        #!/bin/bash
        set -e

        ${commands}
      '';
    }
  ) (lib.filterAttrs (_: commands: commands != "") {
    start = config.script;
    pre-start = config.preStart;
    post-start = config.postStart;
    reload = config.reload;
    pre-stop = config.preStop;
    post-stop = config.postStop;
  });
  script = step: "${scripts.${step}}/bin/${storeName}-${step}";

  withArguments = "${script "start"}${lib.optionalString (config.scriptArgs != "") " ${config.scriptArgs}"}";
in
{
  config = mkMerge [
    { jobScripts = scripts; }
    (mkIf (config.preStart != "") {
      serviceConfig.ExecStartPre = [ (script "pre-start") ];
    })
    (mkIf (config.script != "") { serviceConfig.ExecStart = withArguments; })
    (mkIf (config.postStart != "") {
      serviceConfig.ExecStartPost = [ (script "post-start") ];
    })
    (mkIf (config.reload != "") { serviceConfig.ExecReload = script "reload"; })
    (mkIf (config.preStop != "") { serviceConfig.ExecStop = script "pre-stop"; })
    (mkIf (config.postStop != "") { serviceConfig.ExecStopPost = script "post-stop"; })
  ];
}
