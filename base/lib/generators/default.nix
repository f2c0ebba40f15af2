# Values to the formats of configuration files.
#
# Each generator takes a set of settings first, so that a file format is `toX { ... }` applied once.
{ lib }:
import ./key-value.nix { inherit lib; }
// import ./pretty.nix { inherit lib; }
// import ./structured.nix { inherit lib; }
