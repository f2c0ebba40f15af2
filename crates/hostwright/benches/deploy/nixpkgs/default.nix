# As much of nixpkgs as a hive asks for.
{
  lib = import ./lib;
  path = ./.;
  system = builtins.currentSystem;
  stdenv.hostPlatform.system = builtins.currentSystem;
  overlays = [ ];
  config = { };
}
