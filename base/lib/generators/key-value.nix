# Formats of lines with a key and a value, with or without sections.
{ lib }:
let
  inherit (builtins)
    concatStringsSep
    isAttrs
    isFunction
    isList
    isString
    mapAttrs
    typeOf
    ;
in
rec {
  # mkValueStringDefault :: {} -> a -> string
  # What is unambiguous in most formats; anything else is an error.
  mkValueStringDefault =
    _: value:
    let
      unsupported =
        what: abort "generators.mkValueStringDefault: ${what} not supported: ${lib.generators.toPretty { } value}";
    in
    if builtins.isInt value then
      toString value
    else if lib.isDerivation value then
      toString value
    else if isString value then
      value
    else if value == true then
      "true"
    else if value == false then
      "false"
    else if value == null then
      "null"
    else if isList value then
      unsupported "lists"
    else if isAttrs value then
      unsupported "attrsets"
    else if isFunction value then
      unsupported "functions"
    else if builtins.isFloat value then
      lib.strings.floatToString value
    else if builtins.isPath value then
      toString value
    else
      unsupported "this value is of type ${typeOf value}, which is";

  # mkKeyValueDefault :: { mkValueString; } -> separator -> key -> value -> string
  # The separator is escaped where the key contains it.
  mkKeyValueDefault =
    {
      mkValueString ? mkValueStringDefault { },
    }:
    separator: key: value:
    "${lib.escape [ separator ] key}${separator}${mkValueString value}";

  # toKeyValue :: { mkKeyValue; listsAsDuplicateKeys; indent; } -> set -> string
  toKeyValue =
    {
      mkKeyValue ? mkKeyValueDefault { } "=",
      listsAsDuplicateKeys ? false,
      indent ? "",
    }:
    let
      line = key: value: indent + mkKeyValue key value + "\n";
      linesOf =
        if listsAsDuplicateKeys then
          key: value: map (line key) (if isList value then value else [ value ])
        else
          key: value: [ (line key value) ];
    in
    attrs: concatStringsSep "" (builtins.concatLists (lib.mapAttrsToList linesOf attrs));

  # toINI :: { mkSectionName; mkKeyValue; listsAsDuplicateKeys; } -> { section = set; } -> string
  toINI =
    {
      mkSectionName ? (name: lib.escape [ "[" "]" ] name),
      mkKeyValue ? mkKeyValueDefault { } "=",
      listsAsDuplicateKeys ? false,
    }:
    let
      section =
        name: values: "[${mkSectionName name}]\n" + toKeyValue { inherit mkKeyValue listsAsDuplicateKeys; } values;
    in
    sections: concatStringsSep "\n" (lib.mapAttrsToList section sections);

  # toINIWithGlobalSection :: { ... } -> { globalSection; sections; } -> string
  toINIWithGlobalSection =
    {
      mkSectionName ? (name: lib.escape [ "[" "]" ] name),
      mkKeyValue ? mkKeyValueDefault { } "=",
      listsAsDuplicateKeys ? false,
    }:
    {
      globalSection,
      sections ? { },
    }:
    (
      if globalSection == { } then
        ""
      else
        toKeyValue { inherit mkKeyValue listsAsDuplicateKeys; } globalSection + "\n"
    )
    + toINI { inherit mkSectionName mkKeyValue listsAsDuplicateKeys; } sections;

  # toGitINI :: set -> string
  # Git's configuration: subsections in quotes, keys indented, lists as repeated keys.
  toGitINI =
    let
      sectionName =
        path:
        let
          name = builtins.head path;
          subsections = builtins.tail path;
        in
        if subsections == [ ] then name else "${name} \"${concatStringsSep "." subsections}\"";

      valueString =
        value:
        if isString value then
          "\"${
            builtins.replaceStrings
              [ "\n" "\t" "\"" "\\" ]
              [ "\\n" "\\t" "\\\"" "\\\\" ]
              value
          }\""
        else
          mkValueStringDefault { } value;

      keyValue = key: value: if value == null then "" else "\t" + mkKeyValueDefault { mkValueString = valueString; } " = " key value;

      # Every path of sets whose leaves are values becomes one section.
      gather =
        path: value:
        if isAttrs value && !lib.isDerivation value then
          builtins.concatLists (lib.mapAttrsToList (name: gather (path ++ [ name ])) value)
        else
          [
            {
              section = sectionName (lib.init path);
              key = lib.last path;
              inherit value;
            }
          ];

      toSections =
        attrs:
        mapAttrs (
          _: entries:
          builtins.listToAttrs (
            map (entry: {
              name = entry.key;
              inherit (entry) value;
            }) entries
          )
        ) (builtins.groupBy (entry: entry.section) (gather [ ] attrs));
    in
    attrs:
    toINI {
      mkSectionName = name: name;
      mkKeyValue = keyValue;
      listsAsDuplicateKeys = true;
    } (toSections attrs);

  # mkDconfKeyValue, toDconfINI :: the format of `dconf load`
  mkDconfKeyValue = mkKeyValueDefault { mkValueString = value: toString (lib.gvariant.mkValue value); } "=";
  toDconfINI = toINI { mkKeyValue = mkDconfKeyValue; };
}
