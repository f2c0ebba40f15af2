# The packages that nixpkgs calls otherwise than Debian; see nixpkgs-names.nix.
{ lib }:

final: prev:

lib.mapAttrs (
  pname:
  {
    debs,
    mainProgram ? null,
    programs ? { },
  }:
  final.debianPackage {
    inherit
      pname
      debs
      mainProgram
      programs
      ;
  }
) (import ./nixpkgs-names.nix { inherit lib; })
