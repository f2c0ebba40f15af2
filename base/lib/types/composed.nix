# Types made of other types: alternatives, null, coercion, functions, additional checks.
{ lib, base }:
let
  inherit (builtins) all head length;
  inherit (base) defaultFunctor elemTypeFunctor mkOptionType optionDescriptionPhrase;
  inherit (lib.modules) mergeDefinitions;

  # either :: type -> type -> type
  either =
    left: right:
    mkOptionType rec {
      name = "either";
      description =
        if left.descriptionClass or null == "nonRestrictiveClause" then
          "${left.description}, or ${optionDescriptionPhrase (class: class == "noun" || class == "conjunction") right}"
        else
          "${optionDescriptionPhrase (class: class == "noun" || class == "conjunction") left} or ${
            optionDescriptionPhrase (class: class == "noun" || class == "conjunction" || class == "composite") right
          }";
      descriptionClass = "conjunction";
      check = value: left.check value || right.check value;
      merge =
        loc: defs:
        if all (def: left.check def.value) defs then
          left.merge loc defs
        else if all (def: right.check def.value) defs then
          right.merge loc defs
        else
          lib.warnIf (!all (def: check def.value) defs)
            "One or more definitions did not pass the type-check of the 'either' type: option `${lib.showOption loc}', set in ${lib.showFiles (lib.getFiles defs)}"
            (lib.mergeOneOption loc defs);
      typeMerge =
        f':
        let
          mergedLeft = left.typeMerge (head f'.wrapped).functor;
          mergedRight = right.typeMerge (builtins.elemAt f'.wrapped 1).functor;
        in
        if name == f'.name && mergedLeft != null && mergedRight != null then
          either mergedLeft mergedRight
        else
          null;
      functor = defaultFunctor name // {
        wrapped = [
          left
          right
        ];
        payload.elemType = {
          inherit left right;
        };
      };
      nestedTypes = { inherit left right; };
    };
in
rec {
  inherit either;

  # oneOf :: [type] -> type
  oneOf =
    types:
    if types == [ ] then
      throw "oneOf needs to get at least one type in its argument"
    else
      builtins.foldl' either (head types) (builtins.tail types);

  # nullOr :: type -> type
  nullOr =
    elemType:
    mkOptionType rec {
      name = "nullOr";
      description = "null or ${
        optionDescriptionPhrase (class: class == "noun" || class == "conjunction") elemType
      }";
      descriptionClass = "conjunction";
      check = value: value == null || elemType.check value;
      merge =
        loc: defs:
        let
          nulls = lib.count (def: def.value == null) defs;
        in
        if nulls == length defs then
          null
        else if nulls != 0 then
          throw "The option `${lib.showOption loc}` is defined both null and not null, in ${lib.showFiles (lib.getFiles defs)}."
        else
          elemType.merge loc defs;
      emptyValue.value = null;
      getSubOptions = elemType.getSubOptions;
      getSubModules = elemType.getSubModules;
      substSubModules = modules: nullOr (elemType.substSubModules modules);
      functor = elemTypeFunctor name { inherit elemType; } // {
        type = payload: nullOr payload.elemType;
      };
      nestedTypes.elemType = elemType;
    };

  # unique :: { message; } -> type -> type
  # Only one definition, also of types that could be joined.
  unique =
    { message }:
    type:
    mkOptionType rec {
      name = "unique";
      inherit (type) description descriptionClass check;
      merge = lib.mergeUniqueOption {
        inherit message;
        inherit (type) merge;
      };
      emptyValue = type.emptyValue;
      getSubOptions = type.getSubOptions;
      getSubModules = type.getSubModules;
      substSubModules = modules: uniq (type.substSubModules modules);
      functor = elemTypeFunctor name { elemType = type; } // {
        type = payload: unique { inherit message; } payload.elemType;
      };
      nestedTypes.elemType = type;
    };
  uniq = unique { message = ""; };

  # functionTo :: type -> type
  # Functions whose results are merged as values of the type.
  functionTo =
    elemType:
    mkOptionType {
      name = "functionTo";
      description = "function that evaluates to a(n) ${
        optionDescriptionPhrase (class: class == "noun" || class == "composite") elemType
      }";
      descriptionClass = "composite";
      check = lib.isFunction;
      merge = loc: defs: {
        # Reports the arguments that the functions name, for `callPackage` and its like.
        __functionArgs = lib.mergeAttrsList (
          map (def: lib.functionArgs def.value) defs
        );
        __functor =
          _: arguments:
          (mergeDefinitions (loc ++ [ "<function body>" ]) elemType (
            map (def: {
              inherit (def) file;
              value = def.value arguments;
            }) defs
          )).mergedValue;
      };
      getSubOptions = prefix: elemType.getSubOptions (prefix ++ [ "<function body>" ]);
      getSubModules = elemType.getSubModules;
      substSubModules = modules: functionTo (elemType.substSubModules modules);
      functor = elemTypeFunctor "functionTo" { inherit elemType; } // {
        type = payload: functionTo payload.elemType;
      };
      nestedTypes.elemType = elemType;
    };

  # coercedTo :: type -> (a -> b) -> type -> type
  # Values of the first type are turned into values of the last.
  coercedTo =
    coercedType: coerce: finalType:
    assert lib.assertMsg (
      coercedType.getSubModules == null
    ) "coercedTo: coercedType must not have submodules (it's a ${coercedType.description})";
    mkOptionType {
      name = "coercedTo";
      description = "${optionDescriptionPhrase (class: class == "noun") finalType} or ${
        optionDescriptionPhrase (class: class == "noun") coercedType
      } convertible to it";
      check = value: (coercedType.check value && finalType.check (coerce value)) || finalType.check value;
      merge =
        loc: defs:
        finalType.merge loc (
          map (
            def:
            if coercedType.check def.value then
              # Merged as its own type first, which takes off properties inside.
              def // { value = coerce (coercedType.merge loc [ def ]); }
            else
              def
          ) defs
        );
      emptyValue = finalType.emptyValue;
      getSubOptions = finalType.getSubOptions;
      getSubModules = finalType.getSubModules;
      substSubModules = modules: coercedTo coercedType coerce (finalType.substSubModules modules);
      typeMerge = _: null;
      functor = defaultFunctor "coercedTo" // {
        wrapped = finalType;
      };
      nestedTypes = {
        inherit coercedType finalType;
      };
    };

  # addCheck :: type -> (a -> bool) -> type
  addCheck = type: check: type // { check = value: type.check value && check value; };

  # serializableValueWith :: { typeName; nullable; } -> type
  # What JSON, YAML and TOML can hold.
  serializableValueWith =
    {
      typeName,
      nullable ? true,
    }:
    let
      scalars = oneOf (with lib.types; [
        bool
        int
        float
        str
        path
      ]);
      base' = oneOf [
        scalars
        (lib.types.attrsOf value)
        (lib.types.listOf value)
      ];
      value = (if nullable then nullOr base' else base') // {
        description = "${typeName} value";
        descriptionClass = "noun";
        emptyValue = { };
      };
    in
    value;

  # Values of files in these formats.
  json = serializableValueWith { typeName = "JSON"; };
  toml = serializableValueWith {
    typeName = "TOML";
    nullable = false;
  };

  # Code of Lua in a value, made by `lib.generators.mkLuaInline`.
  luaInline = mkOptionType {
    name = "luaInline";
    description = "inline lua";
    descriptionClass = "noun";
    check = value: value._type or null == "lua-inline";
    merge = lib.mergeEqualOption;
  };
}
