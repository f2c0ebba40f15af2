# A derivation that runs a shell script of the user's. It is for the sandbox,
# which has a `/bin/sh`; the packages named in `nativeBuildInputs` are on PATH.
{ lib, pkgs, ... }:

let
  runCommand =
    name: environment: script:
    let
      inputs = environment.nativeBuildInputs or [ ] ++ environment.buildInputs or [ ];
      variables = removeAttrs environment [
        "meta"
        "passthru"
        "nativeBuildInputs"
        "buildInputs"
      ];
      meta = environment.meta or { };
      passthru = environment.passthru or { };
    in
    lib.extendDerivation true (passthru // { inherit meta passthru; }) (
      derivation (
        variables
        // {
          inherit name;
          inherit (pkgs.stdenv.buildPlatform) system;
          builder = "/bin/sh";
          args = [
            "-ec"
            "export PATH=\"$buildPath:/usr/bin:/bin\"; eval \"$buildCommand\""
          ];
          buildPath = lib.makeBinPath inputs;
          buildCommand = script;
        }
      )
    );
in
{
  inherit runCommand;
  runCommandLocal = name: environment: runCommand name ({ preferLocalBuild = true; } // environment);
  runCommandNoCC = runCommand;
}
