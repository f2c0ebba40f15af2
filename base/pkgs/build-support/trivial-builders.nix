# Files from text, with nixpkgs' names and arguments.
{
  lib,
  builtinDerivation,
  pkgs,
}:

let
  # Scripts run on the host, whose shell is Debian's at its usual place.
  shell = "/bin/bash";

  writeTextFile =
    {
      name,
      text,
      executable ? false,
      # Where in the output; absent, the output is the file itself.
      destination ? "",
      meta ? { },
      passthru ? { },
    }:
    builtinDerivation {
      inherit name passthru;
      builder = "write-file";
      attributes = {
        inherit text executable;
      }
      // lib.optionalAttrs (destination != "") { destination = lib.removePrefix "/" destination; };
      meta =
        lib.optionalAttrs (executable && lib.hasPrefix "/bin/" destination) {
          mainProgram = lib.removePrefix "/bin/" destination;
        }
        // meta;
    };

  script = interpreter: text: "#!${interpreter}\n${text}";
in
{
  inherit writeTextFile;

  writeText = name: text: writeTextFile { inherit name text; };

  writeTextDir =
    path: text:
    writeTextFile {
      name = baseNameOf path;
      destination = "/${path}";
      inherit text;
    };

  writeScript =
    name: text:
    writeTextFile {
      inherit name text;
      executable = true;
    };

  writeScriptBin =
    name: text:
    writeTextFile {
      inherit name text;
      executable = true;
      destination = "/bin/${name}";
    };

  writeShellScript =
    name: text:
    writeTextFile {
      inherit name;
      text = script shell text;
      executable = true;
    };

  writeShellScriptBin =
    name: text:
    writeTextFile {
      inherit name;
      text = script shell text;
      executable = true;
      destination = "/bin/${name}";
    };

  writeShellApplication =
    {
      name,
      text,
      runtimeInputs ? [ ],
      runtimeEnv ? { },
      bashOptions ? [
        "errexit"
        "nounset"
        "pipefail"
      ],
      inheritPath ? true,
      # Code that checks the script `$target`; null for bash's own parser and
      # shellcheck, "" for none.
      checkPhase ? null,
      excludeShellChecks ? [ ],
      extraShellCheckFlags ? [ ],
      meta ? { },
      passthru ? { },
    }:
    let
      contents =
        script shell ''
          ${lib.concatMapStringsSep "\n" (option: "set -o ${option}") bashOptions}
        ''
        + lib.concatStrings (
          lib.mapAttrsToList (variable: value: ''
            ${lib.toShellVar variable value}
            export ${variable}
          '') runtimeEnv
        )
        + lib.optionalString (runtimeInputs != [ ]) ''

          export PATH="${lib.makeBinPath runtimeInputs}${lib.optionalString inheritPath ":$PATH"}"
        ''
        + ''

          ${text}
        '';
      flags = lib.escapeShellArgs (
        lib.optional (excludeShellChecks != [ ]) "--exclude=${lib.concatStringsSep "," excludeShellChecks}"
        ++ extraShellCheckFlags
      );
      file = {
        inherit name passthru;
        executable = true;
        destination = "/bin/${name}";
        meta = {
          mainProgram = name;
        }
        // meta;
      };
    in
    if checkPhase == "" then
      writeTextFile (file // { text = contents; })
    else
      pkgs.stdenvNoCC.mkDerivation {
        inherit name passthru;
        inherit (file) meta;
        text = contents;
        passAsFile = [ "text" ];
        debianPackages = lib.optional (checkPhase == null) "shellcheck";
        preferLocalBuild = true;
        allowSubstitutes = false;
        dontUnpack = true;
        buildCommand = ''
          target=$out/bin/${name}
          mkdir -p "$out/bin"
          cp "$textPath" "$target"
          chmod +x "$target"
          ${
            if checkPhase != null then
              checkPhase
            else
              ''
                bash -n "$target"
                shellcheck ${flags} "$target"
              ''
          }
        '';
      };

  # concatText :: String -> [Path] -> Derivation
  concatText =
    name: sources:
    builtinDerivation {
      inherit name;
      builder = "concat-files";
      attributes.sources = map (source: if builtins.isAttrs source && source ? suffix then source else "${source}") sources;
    };

  runtimeShell = shell;
}
