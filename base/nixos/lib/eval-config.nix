# One host: the base's modules with those of the user.
#
# The arguments are those that nixpkgs takes at this path, so that code which imports it by path
# (`import "${nixpkgs}/nixos/lib/eval-config.nix"`) works as it stands.
{
  # The host's system. Null: modules say it (`nixpkgs.hostPlatform`).
  system ? builtins.currentSystem,
  # A package set made elsewhere. Null: the module `nixpkgs` makes it.
  pkgs ? null,
  baseModules ? import ../modules/module-list.nix,
  # Arguments of modules by name; `specialArgs` also serve `imports`.
  extraArgs ? { },
  specialArgs ? { },
  modules,
  modulesLocation ? (builtins.unsafeGetAttrPos "modules" arguments).file or null,
  check ? true,
  prefix ? [ ],
  lib ? import ../../lib,
  extraModules ?
    let
      path = builtins.getEnv "NIXOS_EXTRA_MODULE_PATH";
    in
    if path == "" then [ ] else [ (import path) ],
}@arguments:
let
  inherit (lib) mkDefault mkIf;

  pkgsModule =
    { config, ... }:
    {
      _file = ./eval-config.nix;
      key = ./eval-config.nix;
      config = lib.mkMerge [
        # Weaker than what a module says, and only a first guess next to `nixpkgs.hostPlatform`.
        (mkIf (system != null) { nixpkgs.system = mkDefault system; })
        (mkIf (pkgs != null) {
          # Package sets cannot be joined; whoever passes one means it.
          _module.args.pkgs = lib.mkForce pkgs;
        })
      ];
    };

  # Where a host's inline modules stand, for messages.
  located =
    if modulesLocation == null then
      modules
    else
      map (lib.setDefaultModuleLocation modulesLocation) modules;

  evaluated = lib.evalModules {
    inherit prefix;
    class = "nixos";
    modules =
      baseModules
      ++ extraModules
      ++ [
        pkgsModule
        {
          _file = ./eval-config.nix;
          config._module = {
            args = {
              inherit baseModules extraModules modules;
            }
            // extraArgs;
            check = mkDefault check;
          };
        }
      ]
      ++ located;
    specialArgs = {
      modulesPath = builtins.toString ../modules;
    }
    // specialArgs;
  };

  # What people ask a host for besides its configuration.
  withExtras =
    configuration:
    configuration
    // {
      inherit extraArgs lib;
      inherit (configuration._module.args) pkgs;
      extendModules = args: withExtras (configuration.extendModules args);
    };
in
withExtras evaluated
