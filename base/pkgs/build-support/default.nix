# Functions that make derivations: those of files and trees by builders that run
# inside the program, with no shell; those of commands and packages in the
# sandbox, with Debian's tools.
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
// import ./substitute.nix arguments
// import ./absent.nix arguments
// import ./fetchers.nix arguments
// import ./rust.nix arguments
// import ./setup-hooks.nix arguments
// import ./images.nix arguments
// {
  formats = import ./formats.nix arguments;
}
