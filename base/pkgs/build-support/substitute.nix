# Files with `@name@` replaced by values, with nixpkgs' names and arguments.
#
# A file of the configuration is read while it is evaluated, and no program runs for it; one that has to be built first is
# changed in the sandbox.
{ lib, pkgs, ... }:

let
  baseName = source: lib.last (lib.splitString "/" (builtins.unsafeDiscardStringContext (toString source)));
  mustBeBuilt = source: lib.isDerivation source || builtins.hasContext (toString source);

  place =
    {
      name,
      dir ? null,
      isExecutable ? false,
      text,
    }:
    pkgs.writeTextFile (
      {
        inherit name text;
        executable = isExecutable;
      }
      // lib.optionalAttrs (dir != null) { destination = "/${dir}/${name}"; }
    );

  replace =
    replacements: text:
    lib.replaceStrings (map (name: "@${name}@") (lib.attrNames replacements)) (map toString (
      lib.attrValues replacements
    )) text;

  # What still looks like a name that was to be replaced.
  leftOver =
    allowed: text:
    lib.filter (name: !(lib.elem name allowed)) (
      map lib.head (lib.filter builtins.isList (builtins.split "@([a-zA-Z_][0-9A-Za-z_'-]*)@" text))
    );

  inSandbox =
    {
      name,
      dir ? null,
      isExecutable ? false,
      src,
      replacements,
    }:
    let
      target = if dir == null then "$out" else "$out/${dir}/${name}";
    in
    pkgs.runCommandLocal name { } ''
      mkdir -p "$(dirname "${target}")"
      substitute ${src} "${target}" ${
        lib.concatStringsSep " " (
          lib.mapAttrsToList (
            name: value: "--subst-var-by ${lib.escapeShellArg name} ${lib.escapeShellArg (toString value)}"
          ) replacements
        )
      }
      ${lib.optionalString isExecutable ''chmod +x "${target}"''}
    '';

  # nixpkgs passes all arguments by the environment, and takes those that begin with a small letter.
  variables =
    arguments:
    lib.filterAttrs (name: _: builtins.match "[a-z][a-zA-Z0-9_]*" name != null) (
      removeAttrs arguments [
        "src"
        "name"
        "dir"
        "isExecutable"
        "meta"
        "passthru"
      ]
    );

  replaceVarsWith =
    {
      src,
      replacements,
      name ? baseName src,
      dir ? null,
      isExecutable ? false,
      ...
    }@arguments:
    let
      unsupported = lib.attrNames (
        removeAttrs arguments [
          "src"
          "replacements"
          "name"
          "dir"
          "isExecutable"
          "meta"
          "passthru"
        ]
      );
      kept = lib.attrNames (lib.filterAttrs (_: value: value == null) replacements);
      given = lib.filterAttrs (_: value: value != null) replacements;
      content = builtins.readFile src;
      unknown = lib.filter (name: !(lib.hasInfix "@${name}@" content)) (lib.attrNames replacements);
      missing = leftOver (kept ++ lib.attrNames given) content;
    in
    if unsupported != [ ] then
      throw "replaceVarsWith: the Debian base has no argument `${lib.head unsupported}`"
    else if mustBeBuilt src then
      inSandbox {
        inherit
          name
          dir
          isExecutable
          src
          ;
        replacements = given;
      }
    else if unknown != [ ] then
      throw "replaceVars: `@${lib.head unknown}@` does not occur in ${toString src}"
    else if missing != [ ] then
      throw "replaceVars: nothing is given for `@${lib.head missing}@` in ${toString src}; null keeps it as it is"
    else
      place {
        inherit name dir isExecutable;
        text = replace given content;
      };
in
{
  inherit replaceVarsWith;
  replaceVars = src: replacements: replaceVarsWith { inherit src replacements; };

  substituteAll =
    {
      src,
      name ? baseName src,
      dir ? null,
      isExecutable ? false,
      ...
    }@arguments:
    let
      replacements = variables arguments;
    in
    if mustBeBuilt src then
      inSandbox {
        inherit
          name
          dir
          isExecutable
          src
          replacements
          ;
      }
    else
      place {
        inherit name dir isExecutable;
        text = replace replacements (builtins.readFile src);
      };

  substitute =
    {
      src,
      name ? baseName src,
      substitutions ? [ ],
      dir ? null,
      isExecutable ? false,
      ...
    }:
    pkgs.runCommandLocal name { } ''
      target=$out${lib.optionalString (dir != null) "/${dir}/${name}"}
      mkdir -p "$(dirname "$target")"
      substitute ${src} "$target" ${lib.escapeShellArgs substitutions}
      ${lib.optionalString isExecutable ''chmod +x "$target"''}
    '';
}
