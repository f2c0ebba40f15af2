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

  concatTextFile =
    {
      name,
      files,
      executable ? false,
      destination ? "",
      ...
    }:
    if executable || destination != "" then
      pkgs.runCommandLocal name { } ''
        target=$out${destination}
        mkdir -p "$(dirname "$target")"
        cat ${lib.concatMapStringsSep " " (file: "${file}") files} > "$target"
        ${lib.optionalString executable ''chmod +x "$target"''}
      ''
    else
      pkgs.concatText name files;

  concatScript =
    name: files:
    pkgs.concatTextFile {
      inherit name files;
      executable = true;
    };

  emptyFile = writeTextFile {
    name = "empty-file";
    text = "";
  };

  emptyDirectory = builtinDerivation {
    name = "empty-directory";
    builder = "make-tree";
    attributes.entries = [ ];
  };

  # Scripts by their languages. Nothing looks them over before they run.
  writers =
    let
      writer = interpreter: name: text: writeTextFile {
        name = baseNameOf name;
        text = script interpreter text;
        executable = true;
        destination = lib.optionalString (lib.hasPrefix "/" name) name;
      };
      both = name: interpreter: {
        "write${name}" = writer interpreter;
        "write${name}Bin" = file: writer interpreter "/bin/${file}";
      };
      # nixpkgs gives libraries with the name; here they are packages of the host, as the interpreter is.
      python = write: name: arguments: 
        let
          libraries = arguments.libraries or [ ];
        in
        if libraries != [ ] then
          throw "writers.writePython3: the Debian base brings no libraries into a script; put them into environment.systemPackages"
        else
          write name;
    in
    both "Bash" shell
    // both "Dash" "/bin/dash"
    // both "Perl" "/usr/bin/perl"
    // {
      writePython3 = python (writer "/usr/bin/python3");
      writePython3Bin = python (file: writer "/usr/bin/python3" "/bin/${file}");
    };

  runtimeShell = shell;
}
