# Formats with nesting: JSON, YAML, property lists, Lua, Dhall.
{ lib }:
let
  inherit (builtins)
    concatStringsSep
    isAttrs
    isBool
    isFloat
    isFunction
    isInt
    isList
    isPath
    isString
    ;
in
rec {
  # toJSON :: {} -> a -> string
  toJSON = _: builtins.toJSON;

  # toYAML :: {} -> a -> string
  # JSON is YAML too (YAML 1.2, section 1.3).
  toYAML = toJSON;

  # toPlist :: { escape; } -> a -> string
  # Apple's XML property lists, plist(5).
  toPlist =
    {
      escape ? false,
    }:
    value:
    let
      text = x: if escape then lib.escapeXML (toString x) else toString x;
      key = if escape then lib.escapeXML else (x: x);

      element =
        indent: x:
        if x == null then
          ""
        else if isBool x then
          indent + (if x then "<true/>" else "<false/>")
        else if isInt x then
          "${indent}<integer>${toString x}</integer>"
        else if isString x || isPath x then
          "${indent}<string>${text x}</string>"
        else if isList x then
          list indent x
        else if isAttrs x then
          set indent x
        else if isFloat x then
          "${indent}<real>${toString x}</real>"
        else
          abort "generators.toPlist: a value of type ${builtins.typeOf x} has no form in a property list";

      lines = concatStringsSep "\n";
      list =
        indent: items:
        lines [
          "${indent}<array>"
          (lines (map (element ("\t" + indent)) items))
          "${indent}</array>"
        ];
      set =
        indent: attrs:
        let
          inner = "\t" + indent;
          pair =
            name: x:
            [
              "${inner}<key>${key name}</key>"
              (element inner x)
            ];
        in
        lines [
          "${indent}<dict>"
          (lines (
            lib.flatten (lib.mapAttrsToList pair (lib.filterAttrs (_: x: x != null) attrs))
          ))
          "${indent}</dict>"
        ];
    in
    ''
      <?xml version="1.0" encoding="UTF-8"?>
      <!DOCTYPE plist PUBLIC "-//Apple Computer//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
      <plist version="1.0">
      ${element "" value}
      </plist>'';

  # mkLuaInline :: string -> value
  # Lua code inside of values for `toLua`.
  mkLuaInline = expr: {
    _type = "lua-inline";
    inherit expr;
  };

  # toLua :: { multiline; indent; asBindings; } -> a -> string
  toLua =
    {
      multiline ? true,
      indent ? "",
      asBindings ? false,
    }@settings:
    value:
    let
      innerIndent = "${indent}  ";
      introSpace = if multiline then "\n${innerIndent}" else " ";
      outroSpace = if multiline then "\n${indent}" else " ";
      inner = settings // {
        indent = innerIndent;
        asBindings = false;
      };
      separated = concatStringsSep ",${introSpace}";
      isName = name: builtins.match "[[:alpha:]_][[:alnum:]_]*(\\.[[:alpha:]_][[:alnum:]_]*)*" name != null;
      bindings =
        lib.mapAttrsToList (
          name: x:
          if isName name then
            "${indent}${name} = ${toLua (settings // { asBindings = false; }) x}\n"
          else
            throw "attribute ${builtins.toJSON name} is not a valid Lua binding name"
        ) value;
    in
    if asBindings then
      lib.concatStrings bindings
    else if value == null then
      "nil"
    else if isInt value || isFloat value || isString value || isBool value then
      builtins.toJSON value
    else if isPath value || lib.isDerivation value then
      builtins.toJSON "${value}"
    else if isList value then
      if value == [ ] then
        "{}"
      else
        "{${introSpace}${separated (map (toLua inner) value)}${outroSpace}}"
    else if isAttrs value then
      if value._type or null == "lua-inline" then
        "(${value.expr})"
      else if value == { } then
        "{}"
      else
        "{${introSpace}${
          separated (lib.mapAttrsToList (name: x: "[${builtins.toJSON name}] = ${toLua inner x}") value)
        }${outroSpace}}"
    else
      abort "generators.toLua: type ${builtins.typeOf value} is unsupported";

  # toDhall :: {} -> a -> string
  toDhall =
    settings: value:
    if isAttrs value then
      "{ ${
        concatStringsSep ", " (
          lib.mapAttrsToList (name: x: "${name} = ${toDhall settings x}") value
        )
      } }"
    else if isList value then
      "[ ${lib.concatMapStringsSep ", " (toDhall settings) value} ]"
    else if isInt value then
      (if value < 0 then "" else "+") + toString value
    else if isBool value then
      (if value then "True" else "False")
    else if isFunction value then
      abort "generators.toDhall: cannot convert a function to Dhall"
    else if value == null then
      abort "generators.toDhall: cannot convert a null to Dhall"
    else
      builtins.toJSON value;
}
