# The program behind `nix fmt`, for systems that have one.
{
  config,
  lib,
  flake-parts-lib,
  ...
}:

let
  inherit (lib) mkOption types;
in
{
  options = {
    flake.formatter = mkOption {
      type = types.lazyAttrsOf types.package;
      default = { };
      description = "The formatter of each system.";
    };
    perSystem = flake-parts-lib.mkPerSystemOption {
      options.formatter = mkOption {
        type = types.nullOr types.package;
        default = null;
        description = "The program that formats the flake's files.";
      };
    };
  };

  config.flake.formatter = lib.mapAttrs (_: outputs: outputs.formatter) (
    lib.filterAttrs (_: outputs: outputs.formatter != null) config.allSystems
  );
}
