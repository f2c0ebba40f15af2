# Functions that make derivations, all but `runCommand` by builders that run
# inside the program: no shell, and nothing of the target is executed.
final: prev:

let
  inherit (final) lib;
  builtinDerivation = import ./builtin-derivation.nix { inherit lib; };
  arguments = {
    inherit lib builtinDerivation;
    pkgs = final;
  };
in
{
  inherit builtinDerivation;
}
// import ./debian.nix arguments
// import ./fetchurl.nix arguments
// import ./trees.nix arguments
// import ./trivial-builders.nix arguments
// import ./run-command.nix arguments
// import ./images.nix arguments
// {
  formats = import ./formats.nix arguments;
}
