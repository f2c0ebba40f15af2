# Derivations that run a shell script of the user's in the sandbox, with
# Debian's shell tools, or its compilers too.
{ lib, pkgs, ... }:

let
  runWith =
    stdenv: name: environment: script:
    stdenv.mkDerivation (
      {
        inherit name;
        buildCommand = script;
        passAsFile = [ "buildCommand" ] ++ environment.passAsFile or [ ];
        enableParallelBuilding = true;
      }
      // removeAttrs environment [ "passAsFile" ]
    );
  # Quicker made than asked for.
  local = environment: environment // {
    preferLocalBuild = true;
    allowSubstitutes = false;
  };
  runCommand = runWith pkgs.stdenvNoCC;
in
{
  inherit runCommand;
  runCommandNoCC = runCommand;
  runCommandLocal = name: environment: runCommand name (local environment);
  runCommandCC = runWith pkgs.stdenv;
}
