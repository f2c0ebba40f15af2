# Outputs that are `NAME.SYSTEM` in the flake and `NAME` for each system.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  names = lib.attrNames config.transposition;
in
{
  options.transposition = mkOption {
    type = types.lazyAttrsOf (types.submodule { });
    default = { };
    description = "The names of such outputs.";
  };

  config = {
    flake = lib.genAttrs names (name: lib.mapAttrs (_: outputs: outputs.${name}) config.allSystems);

    perInput =
      system: flake:
      lib.genAttrs (lib.filter (name: flake ? ${name}.${system}) names) (name: flake.${name}.${system});
  };
}
