# The outputs as they are, and those that are not there once for each system.
{ lib, ... }:

let
  inherit (lib) mkOption types;
  outputs =
    description:
    mkOption {
      type = types.lazyAttrsOf types.raw;
      default = { };
      inherit description;
    };
in
{
  options.flake = mkOption {
    type = types.submoduleWith {
      modules = [
        {
          freeformType = types.lazyAttrsOf (
            types.unique { message = "An output that has no option of its own is set once."; } types.raw
          );
          options = {
            nixosConfigurations = outputs "Hosts, by name.";
            nixosModules = mkOption {
              type = types.lazyAttrsOf types.deferredModule;
              default = { };
              description = "Modules of hosts, by name.";
            };
            overlays = mkOption {
              type = types.lazyAttrsOf (types.uniq (types.functionTo (types.functionTo (types.lazyAttrsOf types.unspecified))));
              default = { };
              description = "Overlays of the package set, by name.";
            };
          };
        }
      ];
    };
    description = "The flake's outputs.";
  };
}
