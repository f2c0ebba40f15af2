# Strings to and from numbers, cases and settings of build tools.
{ lib }:
let
  inherit (builtins)
    isString
    match
    replaceStrings
    substring
    ;
  lower = lib.stringToCharacters "abcdefghijklmnopqrstuvwxyz";
  upper = lib.stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
in
rec {
  lowerChars = lower;
  upperChars = upper;

  # toLower, toUpper :: string -> string
  # ASCII letters only.
  toLower = replaceStrings upper lower;
  toUpper = replaceStrings lower upper;

  # replaceString :: string -> string -> string -> string
  replaceString = from: to: replaceStrings [ from ] [ to ];

  # toSentenceCase :: string -> string
  toSentenceCase =
    text:
    lib.throwIfNot (isString text)
      "toSentenceCase does only accepts string values, but got ${builtins.typeOf text}"
      (toUpper (substring 0 1 text) + toLower (substring 1 (-1) text));

  # toCamelCase :: string -> string
  toCamelCase =
    text:
    lib.throwIfNot (isString text)
      "toCamelCase does only accepts string values, but got ${builtins.typeOf text}"
      (
        let
          separators = lib.splitStringBy (
            previous: character: builtins.elem character [ "-" "_" " " ]
          ) false text;
          words = builtins.concatMap (
            lib.splitStringBy (
              previous: character: match "[a-z]" previous != null && match "[A-Z]" character != null
            ) true
          ) separators;
          first = if words == [ ] then "" else toLower (builtins.head words);
          rest = if words == [ ] then [ ] else map toSentenceCase (builtins.tail words);
        in
        lib.concatStrings ([ first ] ++ rest)
      );

  # isConvertibleWithToString :: any -> bool
  isConvertibleWithToString =
    value:
    lib.isStringLike value
    || builtins.elem (builtins.typeOf value) [
      "null"
      "int"
      "float"
      "bool"
    ]
    || (builtins.isList value && lib.all isConvertibleWithToString value);

  # isStringLike, isSimpleString :: any -> bool
  # What "${...}" takes: strings, paths, and sets with outPath or __toString.
  isStringLike = value: isString value || builtins.isPath value || value ? outPath || value ? __toString;
  isCoercibleToString = isConvertibleWithToString;

  # toInt :: string -> int
  # Decimal; white space around is allowed, a leading zero is refused as ambiguous.
  toInt =
    text:
    let
      matched = match "[[:space:]]*(-?[[:digit:]]+)[[:space:]]*" text;
      leadingZero = match "[[:space:]]*-?0[[:digit:]]+[[:space:]]*" text != null;
    in
    if matched == null then
      throw "toInt: Could not convert ${lib.escapeNixString text} to int."
    else if leadingZero then
      throw "toInt: Ambiguity in interpretation of ${lib.escapeNixString text} between octal and zero padded integer."
    else
      builtins.fromJSON (builtins.head matched);

  # toIntBase10 :: string -> int
  # As `toInt`, with leading zeros allowed.
  toIntBase10 =
    text:
    let
      matched = match "[[:space:]]*0*(-?[[:digit:]]+)[[:space:]]*" text;
      digits = match "(-?)0*([[:digit:]]+)" (builtins.head matched);
    in
    if matched == null then
      throw "toIntBase10: Could not convert ${lib.escapeNixString text} to int."
    else
      builtins.fromJSON (builtins.elemAt digits 0 + builtins.elemAt digits 1);

  # floatToString :: float -> string
  # With a warning where the printed form loses digits.
  floatToString =
    float:
    let
      text = toString float;
    in
    lib.warnIf (float != builtins.fromJSON text) "Imprecise conversion from float to string ${text}" text;

  # Arguments for the configuration of CMake, Meson and Autoconf.
  cmakeOptionType =
    type: feature: value:
    assert builtins.elem (toUpper type) [
      "FILEPATH"
      "PATH"
      "STRING"
      "BOOL"
      "INTERNAL"
    ];
    assert isString feature;
    assert isString value;
    "-D${feature}:${toUpper type}=${value}";
  cmakeBool = condition: flag: cmakeOptionType "bool" condition (toUpper (lib.boolToString flag));
  cmakeFeature = cmakeOptionType "string";
  mesonOption = feature: value: "-D${feature}=${value}";
  mesonBool = condition: flag: mesonOption condition (lib.boolToString flag);
  mesonEnable = feature: flag: mesonOption feature (if flag then "enabled" else "disabled");
  enableFeature = flag: feature: "--${if flag then "enable" else "disable"}-${feature}";
  enableFeatureAs = flag: feature: value: enableFeature flag feature + lib.optionalString flag "=${value}";
  withFeature = flag: feature: "--${if flag then "with" else "without"}-${feature}";
  withFeatureAs = flag: feature: value: withFeature flag feature + lib.optionalString flag "=${value}";
}
