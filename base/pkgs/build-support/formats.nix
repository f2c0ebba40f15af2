# Configuration file formats for settings options: each has a `type` for the
# option and a `generate` that writes the file, as in nixpkgs' `pkgs.formats`.
{ lib, pkgs, ... }:

let
  inherit (lib) types;

  # Values that JSON and its kin can hold.
  valueType =
    name:
    let
      value =
        types.nullOr (
          types.oneOf [
            types.bool
            types.int
            types.float
            types.str
            types.path
            (types.attrsOf value)
            (types.listOf value)
          ]
        )
        // {
          description = "${name} value";
        };
    in
    value;

  iniAtom = types.nullOr (
    types.oneOf [
      types.bool
      types.int
      types.float
      types.str
    ]
  );

  json =
    { }:
    {
      type = valueType "JSON";
      generate = name: value: pkgs.writeText name "${builtins.toJSON value}\n";
    };

  keyValue =
    {
      listsAsDuplicateKeys ? false,
      listToValue ? null,
      ...
    }@arguments:
    let
      atom = if listsAsDuplicateKeys || listToValue != null then types.either iniAtom (types.listOf iniAtom) else iniAtom;
      transform =
        if listToValue != null then
          lib.mapAttrs (_: value: if builtins.isList value then listToValue value else value)
        else
          lib.id;
    in
    {
      type = types.attrsOf atom;
      generate =
        name: value:
        pkgs.writeText name (
          lib.generators.toKeyValue (removeAttrs arguments [ "listToValue" ]) (transform value)
        );
    };

  ini =
    {
      listsAsDuplicateKeys ? false,
      listToValue ? null,
      atomsCoercedToLists ? null,
      ...
    }@arguments:
    let
      inherit (keyValue (removeAttrs arguments [ "atomsCoercedToLists" ])) type;
      transform =
        if listToValue != null then
          lib.mapAttrs (
            _: lib.mapAttrs (_: value: if builtins.isList value then listToValue value else value)
          )
        else
          lib.id;
    in
    {
      type = types.attrsOf type;
      generate =
        name: value:
        pkgs.writeText name (
          lib.generators.toINI (removeAttrs arguments [
            "listToValue"
            "atomsCoercedToLists"
          ]) (transform value)
        );
    };

  # TOML 1.0: scalars of a table come before its subtables; an array of sets is
  # written inline, which every reader takes.
  tomlString = builtins.toJSON;
  tomlKey = key: if builtins.match "[A-Za-z0-9_-]+" key != null then key else tomlString key;
  tomlInline =
    value:
    if builtins.isList value then
      "[${lib.concatMapStringsSep ", " tomlInline value}]"
    else if builtins.isAttrs value && !lib.isDerivation value then
      "{ ${
        lib.concatStringsSep ", " (
          lib.mapAttrsToList (key: item: "${tomlKey key} = ${tomlInline item}") (withoutNulls value)
        )
      } }"
    else if builtins.isPath value then
      tomlString "${value}"
    else
      builtins.toJSON value;
  withoutNulls = lib.filterAttrs (_: value: value != null);
  isTable = value: builtins.isAttrs value && !lib.isDerivation value;
  tomlTable =
    prefix: table:
    let
      present = withoutNulls table;
      scalars = lib.filterAttrs (_: value: !isTable value) present;
      tables = lib.filterAttrs (_: isTable) present;
    in
    lib.optionalString (prefix != [ ] && (scalars != { } || tables == { })) "[${lib.concatMapStringsSep "." tomlKey prefix}]\n"
    + lib.concatStrings (
      lib.mapAttrsToList (key: value: "${tomlKey key} = ${tomlInline value}\n") scalars
    )
    + lib.concatStrings (lib.mapAttrsToList (key: tomlTable (prefix ++ [ key ])) tables);
  # Settings before the first section.
  iniWithGlobalSection =
    arguments:
    let
      sections = ini arguments;
    in
    {
      type = types.submodule {
        options = {
          sections = lib.mkOption {
            inherit (sections) type;
            default = { };
            description = "Settings by section.";
          };
          globalSection = lib.mkOption {
            type = (keyValue arguments).type;
            default = { };
            description = "Settings before the first section.";
          };
        };
      };
      generate =
        name:
        {
          sections ? { },
          globalSection ? { },
        }:
        pkgs.writeText name (
          lib.generators.toINIWithGlobalSection (removeAttrs arguments [
            "listToValue"
            "atomsCoercedToLists"
          ]) { inherit sections globalSection; }
        );
    };

  gitIni =
    {
      listsAsDuplicateKeys ? false,
      ...
    }:
    let
      atom = if listsAsDuplicateKeys then types.either iniAtom (types.listOf iniAtom) else iniAtom;
    in
    {
      type = types.attrsOf (types.attrsOf (types.either atom (types.attrsOf atom)));
      generate = name: value: pkgs.writeText name (lib.generators.toGitINI value);
    };

  # Keys and values of java.util.Properties: all but letters, digits and a few signs is written by its number or after a backslash.
  javaProperties =
    {
      comment ? "Generated by Nix",
      boolToString ? lib.boolToString,
    }:
    let
      toText = value: if builtins.isBool value then boolToString value else toString value;
      escape = lib.replaceStrings [ "\\" "\n" "\t" "\r" "=" ":" "#" "!" ] [ "\\\\" "\\n" "\\t" "\\r" "\\=" "\\:" "\\#" "\\!" ];
      escapeKey = key: lib.replaceStrings [ " " ] [ "\\ " ] (escape key);
    in
    {
      type = types.attrsOf (
        types.oneOf [
          types.str
          types.int
          types.float
          types.bool
          types.path
        ]
      );
      generate =
        name: value:
        pkgs.writeText name (
          "# ${comment}\n"
          + lib.concatStrings (
            lib.mapAttrsToList (key: item: "${escapeKey key}=${escape (toText item)}\n") value
          )
        );
    };

  # Assignments of Python; a value of { _expr } is an expression as it stands.
  pythonVars =
    { }:
    let
      toPython =
        value:
        if value == null then
          "None"
        else if builtins.isBool value then
          (if value then "True" else "False")
        else if builtins.isList value then
          "[${lib.concatMapStringsSep ", " toPython value}]"
        else if builtins.isAttrs value && value ? _expr then
          value._expr
        else if builtins.isAttrs value && !lib.isDerivation value then
          "{${
            lib.concatStringsSep ", " (
              lib.mapAttrsToList (key: item: "${builtins.toJSON key}: ${toPython item}") value
            )
          }}"
        else if builtins.isInt value || builtins.isFloat value then
          builtins.toJSON value
        else
          builtins.toJSON "${value}";
    in
    {
      type = types.attrsOf (valueType "Python");
      lib.mkRaw = _expr: { inherit _expr; };
      generate =
        name: value:
        pkgs.writeText name (
          lib.concatMapStrings (module: "import ${module}\n") (value._imports or [ ])
          + lib.concatStrings (
            lib.mapAttrsToList (key: item: "${key} = ${toPython item}\n") (removeAttrs value [ "_imports" ])
          )
        );
    };

  # The sections and settings of systemd's files.
  systemd =
    { }:
    let
      sections = ini { listsAsDuplicateKeys = true; };
    in
    sections;

  absent =
    name:
    throw "pkgs.formats.${name} is nixpkgs', and the Debian base does not have it; write the file by pkgs.writeText, or use `nixpkgs` as the base of this host";
in
lib.genAttrs [
  "cdn"
  "elixirConf"
  "hcl1"
  "hocon"
  "libconfig"
  "lua"
  "nixConf"
  "php"
  "plist"
  "xml"
] absent
// {
  inherit
    gitIni
    ini
    iniWithGlobalSection
    javaProperties
    json
    keyValue
    pythonVars
    systemd
    ;

  # YAML 1.2 contains JSON.
  yaml =
    { }:
    {
      type = valueType "YAML";
      generate = (json { }).generate;
    };

  toml =
    { }:
    {
      type = valueType "TOML";
      generate = name: value: pkgs.writeText name (tomlTable [ ] value);
    };
}
