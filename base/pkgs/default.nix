# The package set of the Debian base: a function with the arguments that
# nixpkgs' own `pkgs/top-level` takes, and the archive's packages behind it.
#
#   lib          the library of this tree
#   system       the machine that a package set is for when nothing else is said
#   localSystem  the machine that builds
#   crossSystem  the machine that runs the result (null: the one that builds)
#   lock         what `debian.lock` holds, read; see lock.nix
{
  lib,
  system ? localSystem.system,
  localSystem ? { inherit system; },
  crossSystem ? null,
  config ? { },
  overlays ? [ ],
  lock ? import ./lock.nix,
}:

let
  elaborate =
    platform:
    lib.systems.elaborate (if builtins.isString platform then { system = platform; } else platform);

  buildPlatform = elaborate localSystem;
  hostPlatform = if crossSystem == null then buildPlatform else elaborate crossSystem;

  # The configuration is a value, or a function of { pkgs }, as in nixpkgs.
  packageConfig = if builtins.isFunction config then config { inherit pkgs; } else config;

  importWith =
    arguments:
    import ./. (
      {
        inherit
          lib
          config
          overlays
          lock
          localSystem
          crossSystem
          ;
      }
      // arguments
    );

  platforms =
    final: prev:
    {
      inherit lib buildPlatform hostPlatform;
      inherit (hostPlatform) system;
      targetPlatform = hostPlatform;
      config = packageConfig;
      path = ../.;
      pkgs = final;
      # By this the module system knows a package set.
      _type = "pkgs";

      # The same set for the machine that builds: what runs while building, and QEMU.
      buildPackages =
        if hostPlatform.system == buildPlatform.system then final else importWith { crossSystem = null; };
      pkgsBuildBuild = final.buildPackages;
      pkgsBuildHost = final.buildPackages;
      pkgsHostTarget = final;

      pkgsCross = lib.mapAttrs (_: crossSystem: importWith { inherit crossSystem; }) (
        import ./top-level/cross-systems.nix
      );

      newScope = extra: lib.callPackageWith (final // extra);
      callPackage = final.newScope { };
      callPackages = lib.callPackagesWith final;

      extend = overlay: importWith { overlays = overlays ++ [ overlay ]; };
      appendOverlays = extraOverlays: importWith { overlays = overlays ++ extraOverlays; };
    };

  configOverrides = final: prev: (packageConfig.packageOverrides or (_: { })) prev;

  archive = import ./top-level/debian-packages.nix { inherit lib lock buildPlatform hostPlatform; };

  # What the base defines itself outranks an archive package of the same name
  # (`fetchurl` stays a function whatever Debian may package one day).
  layers = [
    (import ./top-level/debian-names.nix { inherit lib; })
    platforms
    (import ./stdenv)
    (import ./build-support)
    (import ./top-level/linux-kernels.nix)
    (import ./top-level/upstream-programs.nix)
    (import ./top-level/vm-tools.nix)
    configOverrides
  ]
  ++ overlays;

  # The archive has some ten thousand packages while a fleet is locked. It is joined with
  # the layers once, at the end, and with those before a layer only if the layer looks.
  pkgs = lib.fix (
    final:
    let
      packages = archive final { };
      defined = lib.foldl' (before: layer: before // layer final (packages // before)) { } layers;
    in
    packages // defined
  );
in
pkgs
