# From the flake's outputs to what there is for a system.
{
  config,
  lib,
  flake-parts-lib,
  ...
}:

let
  inherit (lib) mkOption types;

  getSystem =
    system: config.allSystems.${system} or (config.perSystem system);

  argumentsOf = system: (getSystem system).allModuleArgs;
in
{
  options.perSystem = flake-parts-lib.mkPerSystemOption (
    { config, specialArgs, ... }:
    {
      options.allModuleArgs = mkOption {
        type = types.lazyAttrsOf types.raw;
        internal = true;
        readOnly = true;
        description = "All arguments of the system's modules.";
      };
      config.allModuleArgs = config._module.args // specialArgs // { inherit config; };
    }
  );

  config._module.args = {
    inherit getSystem;
    # withSystem :: String -> ({ system, pkgs, config, … } -> a) -> a
    withSystem = system: f: f (argumentsOf system);
    # moduleWithSystem :: ({ … } -> Module) -> Module
    # A module of a host that also takes the arguments of the host's system.
    moduleWithSystem =
      module:
      { config, ... }:
      let
        arguments = argumentsOf config.nixpkgs.hostPlatform.system;
        wanted = builtins.functionArgs module;
      in
      {
        imports = [
          (module (if wanted == { } then arguments else lib.intersectAttrs wanted arguments))
        ];
      };
  };
}
