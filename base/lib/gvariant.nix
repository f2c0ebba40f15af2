# GVariant values in their text form, for dconf (GLib's "GVariant Text Format").
{ lib }:
let
  inherit (builtins)
    isAttrs
    isBool
    isFloat
    isInt
    isList
    isString
    ;

  make =
    type: value: attributes:
    {
      _type = "gvariant";
      inherit type value;
      __toString = self: self.type;
    }
    // attributes;

  number = signature: prefix: value: make signature value { __toString = _: "${prefix}${toString value}"; };
in
rec {
  # isGVariant :: any -> bool
  isGVariant = value: value._type or "" == "gvariant";

  # The signatures of types.
  type = {
    arrayOf = element: "a${element}";
    maybeOf = element: "m${element}";
    tupleOf = elements: "(${lib.concatStrings elements})";
    dictionaryEntryOf = key: value: "{${key}${value}}";
    string = "s";
    boolean = "b";
    uchar = "y";
    int16 = "n";
    uint16 = "q";
    int32 = "i";
    uint32 = "u";
    int64 = "x";
    uint64 = "t";
    double = "d";
    variant = "v";
  };

  # mkValue :: a -> gvariant
  # For values whose type is plain.
  mkValue =
    value:
    if isGVariant value then
      value
    else if isBool value then
      mkBoolean value
    else if isFloat value then
      mkDouble value
    else if isString value then
      mkString value
    else if isList value then
      mkArray value
    else if isInt value then
      mkInt32 value
    else if isAttrs value && value ? _type then
      throw "lib.gvariant.mkValue: a set of type ${toString value._type} has no GVariant form"
    else
      throw "The GVariant type of ${lib.generators.toPretty { } value} can't be inferred.";

  # mkArray, mkEmptyArray :: [a] -> gvariant
  mkArray =
    elements:
    let
      values = map mkValue elements;
      first = builtins.head values;
    in
    if elements == [ ] then
      throw "Please create empty array with mkEmptyArray."
    else
      assert lib.assertMsg (lib.all (v: v.type == first.type) values) "Elements in a list should have same type.";
      make (type.arrayOf first.type) values {
        __toString = self: "@${self.type} [${lib.concatMapStringsSep "," toString self.value}]";
      };
  mkEmptyArray = element: make (type.arrayOf element) [ ] { __toString = self: "@${self.type} []"; };

  # mkVariant :: a -> gvariant
  mkVariant =
    element:
    let
      value = mkValue element;
    in
    make type.variant value { __toString = self: "<${toString self.value}>"; };

  # mkDictionaryEntry :: a -> b -> gvariant
  mkDictionaryEntry =
    name: value:
    let
      name' = mkValue name;
      value' = mkValue value;
    in
    make (type.dictionaryEntryOf name'.type value'.type) { inherit name value; } {
      __toString = self: "@${self.type} {${toString name'},${toString value'}}";
    };

  # mkMaybe, mkNothing, mkJust
  mkMaybe =
    element: value:
    make (type.maybeOf element) value {
      __toString = self: if self.value == null then "@${self.type} nothing" else "just ${toString self.value}";
    };
  mkNothing = element: mkMaybe element null;
  mkJust =
    element:
    let
      value = mkValue element;
    in
    mkMaybe value.type value;

  # mkTuple :: [a] -> gvariant
  mkTuple =
    elements:
    let
      values = map mkValue elements;
    in
    make (type.tupleOf (map (v: v.type) values)) values {
      __toString = self: "@${self.type} (${lib.concatMapStringsSep "," toString self.value})";
    };

  mkBoolean = value: make type.boolean value { __toString = _: lib.boolToString value; };
  mkString =
    value:
    make type.string value {
      __toString = _: "'${builtins.replaceStrings [ "\n" ] [ "\\n" ] (lib.escape [ "'" "\\" ] value)}'";
    };
  mkObjectpath = value: make "o" value { __toString = _: "objectpath '${lib.escape [ "'" ] value}'"; };
  mkUchar = number type.uchar "@y ";
  mkInt16 = number type.int16 "@n ";
  mkUint16 = number type.uint16 "@q ";
  mkInt32 = number type.int32 "";
  mkUint32 = number type.uint32 "@u ";
  mkInt64 = number type.int64 "@x ";
  mkUint64 = number type.uint64 "@t ";
  mkDouble = number type.double "";

  # intConstructors :: which function makes which integer type
  intConstructors =
    map
      (name: {
        inherit name;
        type = type.${lib.toLower (builtins.substring 2 (-1) name)};
      })
      [
        "mkInt16"
        "mkUint16"
        "mkInt32"
        "mkUint32"
        "mkInt64"
        "mkUint64"
      ];
}
