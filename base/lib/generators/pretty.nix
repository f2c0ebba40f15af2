# Values shown to people, as Nix writes them.
{ lib }:
let
  inherit (builtins)
    attrNames
    concatStringsSep
    isAttrs
    isBool
    isFloat
    isInt
    isList
    isPath
    isString
    length
    ;
in
rec {
  # withRecursion :: { depthLimit; throwOnDepthLimit; } -> a -> a
  # The value with everything below the depth cut off.
  withRecursion =
    {
      depthLimit,
      throwOnDepthLimit ? true,
    }:
    assert isInt depthLimit;
    let
      # These stand for themselves and are not worth a level.
      special = [
        "__functor"
        "__functionArgs"
        "__toString"
        "__pretty"
      ];
      transform =
        depth:
        if depthLimit != null && depth > depthLimit then
          if throwOnDepthLimit then
            throw "Exceeded maximum eval-depth limit of ${toString depthLimit} while trying to evaluate with `generators.withRecursion'!"
          else
            _: "<unevaluated>"
        else
          x: x;
      go =
        depth: value:
        let
          deeper = x: go (depth + 1) (transform (depth + 1) x);
        in
        if isAttrs value then
          if lib.isDerivation value then
            value
          else
            builtins.mapAttrs (name: x: if builtins.elem name special then x else deeper x) value
        else if isList value then
          map deeper value
        else
          transform (depth + 1) value;
    in
    go 0;

  # toPretty :: { allowPrettyValues; multiline; indent; } -> a -> string
  toPretty =
    {
      # Whether `{ __pretty; val; }` prints itself.
      allowPrettyValues ? false,
      multiline ? true,
      indent ? "",
    }:
    let
      go =
        indent: value:
        let
          introSpace = if multiline then "\n${indent}  " else " ";
          outroSpace = if multiline then "\n${indent}" else " ";
        in
        if isInt value then
          toString value
        else if isFloat value then
          builtins.toJSON value
        else if isString value then
          if multiline && length (lib.splitString "\n" value) > 1 then
            multilineString introSpace outroSpace value
          else
            "\"" + concatStringsSep "\\n" (map escapeLine (lib.splitString "\n" value)) + "\""
        else if isBool value then
          lib.boolToString value
        else if value == null then
          "null"
        else if isPath value then
          toString value
        else if isList value then
          if value == [ ] then
            "[ ]"
          else
            "[" + introSpace + lib.concatMapStringsSep introSpace (go (indent + "  ")) value + outroSpace + "]"
        else if lib.isFunction value && !(allowPrettyValues && value ? __pretty) then
          showFunction value
        else if isAttrs value then
          if allowPrettyValues && value ? __pretty && value ? val then
            value.__pretty value.val
          else if value == { } then
            "{ }"
          else if lib.isDerivation value then
            "<derivation ${value.name or "???"}>"
          else
            "{"
            + introSpace
            + concatStringsSep introSpace (
              map (
                name:
                "${lib.escapeNixIdentifier name} = ${
                  builtins.addErrorContext "while evaluating an attribute `${name}`" (
                    go (indent + "  ") value.${name}
                  )
                };"
              ) (attrNames value)
            )
            + outroSpace
            + "}"
        else
          abort "generators.toPretty: a value of type ${builtins.typeOf value} cannot be shown";

      escapeLine = builtins.replaceStrings [ "\"" "\\" "\${" ] [ "\\\"" "\\\\" "\\\${" ];

      multilineString =
        introSpace: outroSpace: text:
        let
          lines = map (builtins.replaceStrings [ "\${" "''" ] [ "''\${" "'''" ]) (lib.splitString "\n" text);
          endsInNewline = lib.last lines == "";
          body = if endsInNewline then lib.init lines else lines;
        in
        "''" + introSpace + concatStringsSep introSpace body + (if endsInNewline then outroSpace else "") + "''";

      showFunction =
        f:
        let
          args = lib.functionArgs f;
          shown = lib.mapAttrsToList (name: hasDefault: if hasDefault then "${name}?" else name) args;
        in
        if args == { } then "<function>" else "<function, args: {${concatStringsSep ", " shown}}>";
    in
    go indent;
}
