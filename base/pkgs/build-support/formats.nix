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
in
{
  inherit json keyValue ini;

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
