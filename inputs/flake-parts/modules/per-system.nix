# Modules that are evaluated once for each system.
{
  config,
  lib,
  inputs,
  self,
  flake-parts-lib,
  ...
}:

let
  inherit (lib) mkOption types;
in
{
  options = {
    systems = mkOption {
      type = types.listOf types.str;
      description = "The systems that the flake has outputs for.";
    };

    perInput = mkOption {
      type = types.functionTo (types.functionTo (types.lazyAttrsOf types.unspecified));
      description = "The outputs of a flake for one system, by that system and the flake.";
      readOnly = true;
    };

    perSystem = mkOption {
      type = flake-parts-lib.mkPerSystemType (
        { system, ... }:
        {
          _file = ./per-system.nix;
          config._module.args = {
            inputs' = lib.mapAttrs (_: input: config.perInput system input) inputs;
            self' = config.perInput system self;
            # What most mean by it; a module may say otherwise.
            pkgs = lib.mkOptionDefault (
              inputs.nixpkgs.legacyPackages.${system}
                or (throw "the flake has no input nixpkgs with packages for ${system}, so the argument pkgs must be set: _module.args.pkgs = …")
            );
          };
        }
      );
      default = { };
      apply =
        module: system:
        (lib.evalModules {
          modules = [ module ];
          class = "perSystem";
          prefix = [
            "perSystem"
            system
          ];
          specialArgs = { inherit system; };
        }).config;
      description = "What there is once for each system; a module with the arguments `system`, `pkgs`, `self'`, `inputs'`.";
    };

    allSystems = mkOption {
      type = types.lazyAttrsOf types.unspecified;
      internal = true;
      readOnly = true;
      description = "The configuration of each system.";
    };
  };

  config.allSystems = lib.genAttrs config.systems config.perSystem;
}
