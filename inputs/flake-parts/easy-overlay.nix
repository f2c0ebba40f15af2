# An overlay out of what there is for each system.
{
  lib,
  getSystem,
  flake-parts-lib,
  ...
}:

let
  inherit (lib) mkOption types;
in
{
  options.perSystem = flake-parts-lib.mkPerSystemOption (
    { pkgs, ... }:
    {
      options.overlayAttrs = mkOption {
        type = types.lazyAttrsOf types.raw;
        default = { };
        description = "What the overlay adds.";
      };
      config._module.args.final = lib.mkDefault pkgs;
    }
  );

  config.flake.overlays.default =
    final: _:
    let
      inherit (final.stdenv.hostPlatform) system;
    in
    (getSystem system).overlayAttrs;
}
