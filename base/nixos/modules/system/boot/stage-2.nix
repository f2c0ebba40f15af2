# The second stage of the boot: /nix/store read-only, the activation, systemd.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.boot;

  script = lib.replaceStrings [ "@postBootCommands@" "@nixStoreMountOptions@" ] [
    cfg.postBootCommands
    (lib.concatStringsSep "," cfg.nixStoreMountOpts)
  ] (builtins.readFile ./stage-2-init.sh);
in
{
  options.boot = {
    postBootCommands = mkOption {
      type = types.lines;
      default = "";
      description = "Shell commands run just before systemd starts.";
    };

    nixStoreMountOpts = mkOption {
      type = types.listOf types.str;
      default = [
        "ro"
        "nodev"
        "nosuid"
      ];
      description = "Mount options of /nix/store.";
    };
  };

  config = {
    system.build.bootStage2 = pkgs.writeScript "stage-2-init.sh" script;
  };
}
