# Sets of options to command lines.
{ lib }:
let
  inherit (builtins) concatLists isBool isList stringLength;
in
rec {
  # toGNUCommandLine :: { mkOptionName; mkBool; mkList; mkOption; optionValueSeparator; } -> set -> [string]
  # `{ X = "PUT"; retry = 3; verbose = true; }` becomes -X PUT --retry 3 --verbose.
  toGNUCommandLine =
    {
      mkOptionName ? (name: if stringLength name == 1 then "-${name}" else "--${name}"),
      mkBool ? (name: value: lib.optional value (mkOptionName name)),
      mkList ? (name: values: builtins.concatMap (mkOption name) values),
      mkOption ? (
        name: value:
        if value == null then
          [ ]
        else if optionValueSeparator == null then
          [
            (mkOptionName name)
            (lib.generators.mkValueStringDefault { } value)
          ]
        else
          [ "${mkOptionName name}${optionValueSeparator}${lib.generators.mkValueStringDefault { } value}" ]
      ),
      # Null: option and value are two arguments.
      optionValueSeparator ? null,
    }:
    options:
    let
      render =
        name: value:
        if isBool value then
          mkBool name value
        else if isList value then
          mkList name value
        else
          mkOption name value;
    in
    concatLists (lib.mapAttrsToList render options);

  # toGNUCommandLineShell :: { ... } -> set -> string
  toGNUCommandLineShell = settings: options: lib.escapeShellArgs (toGNUCommandLine settings options);

  # toCommandLine :: (name -> { option; sep; explicitBool; formatArg; }) -> set -> [string]
  # For programs whose options look otherwise. `sep` null: two arguments.
  toCommandLine =
    optionFormat: options:
    let
      render =
        name: value:
        let
          format = optionFormat name;
          text = (format.formatArg or (lib.generators.mkValueStringDefault { })) value;
        in
        if value == null || (isBool value && !(format.explicitBool or false) && !value) then
          [ ]
        else if isList value then
          builtins.concatMap (render name) value
        else if isBool value && !(format.explicitBool or false) then
          [ format.option ]
        else if format.sep or null == null then
          [
            format.option
            text
          ]
        else
          [ "${format.option}${format.sep}${text}" ];
    in
    concatLists (lib.mapAttrsToList render options);
  toCommandLineShell = optionFormat: options: lib.escapeShellArgs (toCommandLine optionFormat options);

  # toCommandLineGNU :: { isLong; explicitBool; formatArg; } -> set -> [string]
  toCommandLineGNU =
    {
      isLong ? (name: stringLength name > 1),
      explicitBool ? false,
      formatArg ? lib.generators.mkValueStringDefault { },
    }:
    toCommandLine (name: {
      option = if isLong name then "--${name}" else "-${name}";
      sep = if isLong name then "=" else "";
      inherit explicitBool formatArg;
    });
  toCommandLineShellGNU = settings: options: lib.escapeShellArgs (toCommandLineGNU settings options);
}
