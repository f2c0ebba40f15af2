# A system with the options that hives set, none of which takes long.
{
  modules,
  specialArgs ? { },
  ...
}:
let
  lib = import ../../lib;
  inherit (lib) mkOption types;
  anything = mkOption {
    type = types.anything;
    default = { };
  };
in
lib.evalModules {
  inherit specialArgs;
  modules = modules ++ [
    {
      options = {
        assertions = mkOption { type = types.listOf types.raw; };
        environment = anything;
        networking = anything;
        nixpkgs.config = mkOption { type = types.raw; };
        nixpkgs.overlays = mkOption { type = types.listOf types.raw; };
        system.activationScripts = anything;
        system.build = mkOption { type = types.attrsOf types.raw; };
        systemd = anything;
        users = anything;
        warnings = mkOption { type = types.listOf types.str; };
      };
      config._module.args.pkgs = import ../..;
    }
  ];
}
