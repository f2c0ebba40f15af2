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

  # What a shell for development has; building it writes down its environment.
  mkShellWith =
    stdenv:
    {
      name ? "nix-shell",
      packages ? [ ],
      inputsFrom ? [ ],
      ...
    }@arguments:
    let
      inputs =
        kind:
        arguments.${kind} or [ ]
        ++ lib.subtractLists inputsFrom (lib.concatMap (package: package.${kind} or [ ]) inputsFrom);
    in
    stdenv.mkDerivation (
      removeAttrs arguments [
        "packages"
        "inputsFrom"
      ]
      // {
        inherit name;
        nativeBuildInputs = packages ++ inputs "nativeBuildInputs";
        buildInputs = inputs "buildInputs";
        buildCommand = "export > $out";
        shellHook = lib.concatStringsSep "\n" (
          lib.catAttrs "shellHook" (lib.reverseList inputsFrom ++ [ arguments ])
        );
        preferLocalBuild = true;
      }
    );
in
{
  mkShell = {
    override = { stdenv }: mkShellWith stdenv;
    __functor = _: mkShellWith pkgs.stdenv;
  };
  mkShellNoCC = mkShellWith pkgs.stdenvNoCC;

  # A source with patches, as a tree.
  applyPatches =
    {
      src,
      name ? "${src.name or (baseNameOf (toString src))}-patched",
      patches ? [ ],
      postPatch ? "",
      ...
    }:
    pkgs.stdenvNoCC.mkDerivation {
      inherit
        src
        name
        patches
        postPatch
        ;
      phases = [
        "unpackPhase"
        "patchPhase"
        "installPhase"
      ];
      installPhase = "cp -R . $out";
    };

  inherit runCommand;
  runCommandNoCC = runCommand;
  runCommandLocal = name: environment: runCommand name (local environment);
  runCommandCC = runWith pkgs.stdenv;
}
