# What flakes and modules of flakes call.
{ lib }:

let
  inherit (lib) mkOption types;

  # mkPerSystemOption :: Module -> Option
  # Adds to what `perSystem` has.
  mkPerSystemType = module: types.deferredModuleWith { staticModules = [ module ]; };
  mkPerSystemOption = module: mkOption { type = mkPerSystemType module; };

  # mkTransposedPerSystemModule :: { name, option, file } -> Module
  # An output `NAME.SYSTEM` of the flake that is `NAME` in `perSystem`.
  mkTransposedPerSystemModule =
    {
      name,
      option,
      file,
    }:
    {
      _file = file;
      options = {
        flake.${name} = mkOption {
          type = types.lazyAttrsOf option.type;
          default = { };
          description = option.description or "";
        };
        perSystem = mkPerSystemOption {
          _file = file;
          options.${name} = option;
        };
      };
      config.transposition.${name} = { };
    };

  # importApply :: Path -> Any -> Module
  # A module whose file takes arguments first, with the file's name in messages.
  importApply = file: arguments: lib.setDefaultModuleLocation file (import file arguments);

  flake-parts-lib = {
    inherit
      importApply
      mkPerSystemOption
      mkPerSystemType
      mkTransposedPerSystemModule
      ;
    # mkSubmoduleOptions :: AttrSet -> Option
    # Options below one that others add to.
    mkSubmoduleOptions =
      options:
      mkOption {
        type = types.submoduleWith { modules = [ { inherit options; } ]; };
      };
    mkDeferredModuleType = mkPerSystemType;
    mkDeferredModuleOption = mkPerSystemOption;
    inherit evalFlakeModule mkFlake;
  };

  # evalFlakeModule :: { inputs, self?, specialArgs? } -> Module -> Configuration
  evalFlakeModule =
    {
      inputs ? self.inputs,
      self ? inputs.self,
      specialArgs ? { },
      moduleLocation ? "${self.outPath}/flake.nix",
    }:
    module:
    lib.evalModules {
      class = "flake";
      specialArgs = {
        inherit
          inputs
          self
          flake-parts-lib
          moduleLocation
          ;
      }
      // specialArgs;
      modules = [
        ./modules
        (lib.setDefaultModuleLocation moduleLocation module)
      ];
    };

  # mkFlake :: { inputs, … } -> Module -> Outputs
  mkFlake = arguments: module: (evalFlakeModule arguments module).config.flake;
in
flake-parts-lib
