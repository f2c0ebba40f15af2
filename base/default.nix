# The package set, with the arguments of nixpkgs: `import <nixpkgs> { system = ...; overlays = ...; }`.
{
  # The machine that runs the packages, and builds them where nothing else is said.
  system ? builtins.currentSystem,
  localSystem ? {
    inherit system;
  },
  crossSystem ? null,
  config ? { },
  overlays ? [ ],
  # What `debian.lock` holds; read from the root of this tree by default.
  ...
}@arguments:
import ./pkgs (
  {
    lib = import ./lib;
    inherit
      localSystem
      crossSystem
      config
      overlays
      ;
  }
  // (if arguments ? lock then { inherit (arguments) lock; } else { })
)
