# The outputs that Nix knows, once for each system.
{ lib, flake-parts-lib, ... }:

let
  inherit (lib) mkOption types;

  set =
    type: description:
    mkOption {
      type = types.lazyAttrsOf type;
      default = { };
      inherit description;
    };

  program = types.coercedTo types.package lib.getExe types.str;
  app = types.submodule {
    options = {
      type = mkOption {
        type = types.enum [ "app" ];
        default = "app";
        description = "What it is.";
      };
      program = mkOption {
        type = program;
        description = "The program, or a package with a main program.";
      };
      meta = set types.raw "What is known of it.";
    };
  };

  options = {
    apps = set app "Programs to run.";
    checks = set types.package "What is built to test the flake.";
    devShells = set types.package "Environments to work in.";
    legacyPackages = set types.raw "Packages in nested sets.";
    packages = set types.package "Packages.";
  };
in
{
  imports =
    lib.mapAttrsToList (
      name: option:
      flake-parts-lib.mkTransposedPerSystemModule {
        inherit name option;
        file = ./outputs.nix;
      }
    ) options
    ++ [ ./formatter.nix ];
}
