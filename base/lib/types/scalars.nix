# Types of plain values: truth values, numbers, strings.
{ lib, base }:
let
  inherit (builtins)
    isBool
    isFloat
    isInt
    isString
    match
    ;
  inherit (base) defaultFunctor mkOptionType;
  inherit (lib.options) mergeEqualOption mergeOneOption getValues;
  inherit (lib) concatStringsSep;

  # A type that leans on another's check, with its own name.
  between =
    lowest: highest:
    assert lib.assertMsg (
      lowest <= highest
    ) "ints.between: lowest must be smaller than highest";
    mkOptionType {
      name = "intBetween";
      description = "integer between ${toString lowest} and ${toString highest} (both inclusive)";
      descriptionClass = "noun";
      check = value: isInt value && value >= lowest && value <= highest;
      merge = mergeEqualOption;
      functor = defaultFunctor "intBetween" // {
        payload = { inherit lowest highest; };
        type = payload: between payload.lowest payload.highest;
        binOp = a: b: if a == b then a else null;
      };
    };

  # Machine integers: `name` and inclusive range.
  sized =
    name: sign: bits: lowest: highest:
    mkOptionType {
      inherit name;
      description = "${toString bits} bit ${sign} integer; between ${toString lowest} and ${toString highest} (both inclusive)";
      descriptionClass = "noun";
      check = value: isInt value && value >= lowest && value <= highest;
      merge = mergeEqualOption;
      functor = defaultFunctor name // {
        type = sized name sign bits lowest highest;
      };
    };
  power = bits: builtins.foldl' (product: _: product * 2) 1 (builtins.genList (i: i) bits);
  unsignedSized = bits: sized "unsignedInt${toString bits}" "unsigned" bits 0 (power bits - 1);
  signedSized = bits: sized "signedInt${toString bits}" "signed" bits (-(power (bits - 1))) (power (bits - 1) - 1);

  # Types whose functor must not be looked up by name in lib.types.
  constant =
    attributes:
    let
      type = mkOptionType (
        attributes
        // {
          functor = defaultFunctor attributes.name // {
            inherit type;
          };
        }
      );
    in
    type;

  # separatedString :: string -> type
  separatedString =
    sep:
    mkOptionType {
      name = "separatedString";
      description = if sep == "" then "Concatenated string" else "strings concatenated with ${builtins.toJSON sep}";
      descriptionClass = "noun";
      check = isString;
      merge = _: defs: concatStringsSep sep (getValues defs);
      functor = defaultFunctor "separatedString" // {
        payload = { inherit sep; };
        type = payload: separatedString payload.sep;
        binOp = a: b: if a.sep == b.sep then { inherit (a) sep; } else null;
      };
    };

  # strMatching :: string -> type
  # The whole string must match the POSIX extended regular expression.
  strMatching =
    pattern:
    mkOptionType {
      name = "strMatching ${lib.escapeNixString pattern}";
      description = "string matching the pattern ${pattern}";
      descriptionClass = "noun";
      check = value: isString value && match pattern value != null;
      merge = mergeEqualOption;
      functor = defaultFunctor "strMatching" // {
        payload = { inherit pattern; };
        type = payload: strMatching payload.pattern;
        binOp = a: b: if a == b then a else null;
      };
    };
in
rec {
  # Any value, at most one definition; nothing is looked at.
  raw = mkOptionType {
    name = "raw";
    description = "raw value";
    descriptionClass = "noun";
    check = _: true;
    merge = mergeOneOption;
  };

  unspecified = mkOptionType {
    name = "unspecified";
    description = "unspecified value";
    descriptionClass = "noun";
  };

  bool = mkOptionType {
    name = "bool";
    description = "boolean";
    descriptionClass = "noun";
    check = isBool;
    merge = mergeEqualOption;
  };

  # True as soon as one definition is.
  boolByOr = mkOptionType {
    name = "boolByOr";
    description = "boolean (merged using or)";
    descriptionClass = "noun";
    check = isBool;
    merge = _: defs: builtins.any (def: def.value) defs;
  };

  int = mkOptionType {
    name = "int";
    description = "signed integer";
    descriptionClass = "noun";
    check = isInt;
    merge = mergeEqualOption;
  };

  ints = {
    inherit between;
    unsigned = constant {
      name = "unsignedInt";
      description = "unsigned integer, meaning >=0";
      descriptionClass = "nonRestrictiveClause";
      check = value: isInt value && value >= 0;
      merge = mergeEqualOption;
    };
    positive = constant {
      name = "positiveInt";
      description = "positive integer, meaning >0";
      descriptionClass = "nonRestrictiveClause";
      check = value: isInt value && value > 0;
      merge = mergeEqualOption;
    };
    u8 = unsignedSized 8;
    u16 = unsignedSized 16;
    u32 = unsignedSized 32;
    s8 = signedSized 8;
    s16 = signedSized 16;
    s32 = signedSized 32;
  };

  # A TCP or UDP port.
  port = ints.u16;

  float = mkOptionType {
    name = "float";
    description = "floating point number";
    descriptionClass = "noun";
    check = isFloat;
    merge = mergeEqualOption;
  };

  number = lib.types.either int float;

  numbers = {
    between =
      lowest: highest:
      assert lib.assertMsg (
        lowest <= highest
      ) "numbers.between: lowest must be smaller than highest";
      lib.types.addCheck number (value: value >= lowest && value <= highest)
      // {
        name = "numberBetween";
        description = "integer or floating point number between ${toString lowest} and ${toString highest} (both inclusive)";
      };
    nonnegative = lib.types.addCheck number (value: value >= 0) // {
      name = "numberNonnegative";
      description = "nonnegative integer or floating point number, meaning >=0";
      descriptionClass = "nonRestrictiveClause";
    };
    positive = lib.types.addCheck number (value: value > 0) // {
      name = "numberPositive";
      description = "positive integer or floating point number, meaning >0";
      descriptionClass = "nonRestrictiveClause";
    };
  };

  str = mkOptionType {
    name = "str";
    description = "string";
    descriptionClass = "noun";
    check = isString;
    merge = mergeEqualOption;
  };

  nonEmptyStr = mkOptionType {
    name = "nonEmptyStr";
    description = "non-empty string";
    descriptionClass = "noun";
    check = value: isString value && match "[ \t\n]*" value == null;
    inherit (str) merge;
  };

  # One line; a newline at the end is taken off.
  singleLineStr = mkOptionType {
    name = "singleLineStr";
    description = "(optionally newline-terminated) single-line string";
    descriptionClass = "noun";
    check = value: isString value && match "[^\n\r]*\n?" value != null;
    merge =
      loc: defs:
      lib.removeSuffix "\n" (
        mergeEqualOption loc (
          map (def: def // { value = lib.removeSuffix "\n" def.value; }) defs
        )
      );
  };

  inherit strMatching separatedString;

  # Definitions become the lines, words, ... of one string.
  lines = separatedString "\n";
  commas = separatedString ",";
  envVar = separatedString ":";

  # Deprecated in favour of `separatedString`.
  string = separatedString "" // {
    name = "string";
    deprecationMessage = "See https://github.com/NixOS/nixpkgs/pull/66346 for better alternative types.";
    functor = separatedString "".functor // {
      name = "string";
      payload = { sep = ""; };
    };
  };

  # A field of passwd(5).
  passwdEntry =
    entryType:
    lib.types.addCheck entryType (value: !(lib.hasInfix ":" value || lib.hasInfix "\n" value))
    // {
      name = "passwdEntry ${entryType.name}";
      description = "${base.optionDescriptionPhrase (class: class == "noun") entryType}, not containing newlines or colons";
      descriptionClass = "nonRestrictiveClause";
    };

  # enum :: [a] -> type
  enum =
    values:
    let
      show =
        value:
        if isString value then
          builtins.toJSON value
        else if isInt value then
          toString value
        else if isBool value then
          lib.boolToString value
        else
          "<${builtins.typeOf value}>";
    in
    mkOptionType {
      name = "enum";
      description =
        if values == [ ] then
          "impossible (empty enum)"
        else if builtins.length values == 1 then
          "value ${show (builtins.head values)} (singular enum)"
        else
          "one of ${lib.concatMapStringsSep ", " show values}";
      descriptionClass = if builtins.length values < 2 then "noun" else "conjunction";
      check = value: builtins.elem value values;
      merge = mergeEqualOption;
      functor = defaultFunctor "enum" // {
        payload = { inherit values; };
        type = payload: enum payload.values;
        binOp = a: b: { values = lib.unique (a.values ++ b.values); };
      };
    };
}
