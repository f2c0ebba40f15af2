# Modules of flakes as an output.
{ lib, ... }:

let
  inherit (lib) mkOption types;
in
{
  options.flake.flakeModules = mkOption {
    type = types.lazyAttrsOf types.deferredModule;
    default = { };
    description = "Modules of flakes, by name.";
  };
}
