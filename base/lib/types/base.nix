# What a type is made of, and how types of one option declared twice are joined.
{ lib }:
let
  inherit (lib.options) mergeDefaultOption;
in
rec {
  # isType :: string -> any -> bool
  isType = type: value: value._type or "" == type;

  # setType :: string -> set -> set
  setType = typeName: value: value // { _type = typeName; };

  isOptionType = isType "option-type";

  # defaultTypeMerge :: functor -> functor -> (type | null)
  # Null when the types cannot be joined.
  defaultTypeMerge =
    f: f':
    let
      wrapped = if f.wrapped == null || f'.wrapped == null then null else f.wrapped.typeMerge f'.wrapped.functor;
      payload = if f.payload == null || f'.payload == null then null else f.binOp f.payload f'.payload;
      hasPayload = f.payload != null || f'.payload != null;
      hasWrapped = !hasPayload && (f.wrapped != null || f'.wrapped != null);
    in
    if f.name != f'.name then
      null
    else if hasPayload then
      if payload == null then null else f.type payload
    else if hasWrapped then
      if wrapped == null then null else f.type wrapped
    else
      f.type;

  # defaultFunctor :: string -> functor
  defaultFunctor = name: {
    inherit name;
    type = lib.types.${name} or null;
    wrapped = null;
    payload = null;
    binOp = a: b: null;
  };

  # elemTypeFunctor :: string -> { elemType; } -> functor
  # For types with one element type and no other parameter.
  elemTypeFunctor =
    name:
    { elemType, ... }@payload:
    {
      inherit name payload;
      wrapped = elemType;
      type = payload: lib.types.${name} payload.elemType;
      binOp =
        a: b:
        let
          merged = a.elemType.typeMerge b.elemType.functor;
        in
        if merged == null then null else { elemType = merged; };
    };

  # mkOptionType :: { name; ... } -> type
  mkOptionType =
    {
      # What the type is called in `functor` and messages of developers.
      name,
      # What it is called in messages to users.
      description ? null,
      # "noun", "conjunction", "composite" or "nonRestrictiveClause": decides about parentheses.
      descriptionClass ? null,
      # Whether one definition's value, in weak head normal form, may be of this type.
      check ? (_: true),
      # [string] -> [{ file; value; }] -> value
      merge ? mergeDefaultOption,
      # `{ value = ...; }` when no definition at all is fine.
      emptyValue ? { },
      # Options of values of this type, for documentation.
      getSubOptions ? (_: { }),
      # The modules of a submodule, or null.
      getSubModules ? null,
      substSubModules ? (_: null),
      functor ? defaultFunctor name,
      typeMerge ? defaultTypeMerge functor,
      nestedTypes ? { },
      deprecationMessage ? null,
      ...
    }@attributes:
    attributes
    // {
      _type = "option-type";
      inherit
        name
        check
        merge
        emptyValue
        getSubOptions
        getSubModules
        substSubModules
        functor
        typeMerge
        deprecationMessage
        nestedTypes
        descriptionClass
        ;
      description = if description == null then name else description;
    };

  # mergeTypes :: type -> type -> (type | merge-error)
  mergeTypes =
    a: b:
    if !isOptionType a || !isOptionType b then
      throw "mergeTypes: both arguments must be types"
    else
      let
        merged = a.typeMerge b.functor;
      in
      if merged == null then setType "merge-error" { error = "Cannot merge types"; } else merged;

  # optionDescriptionPhrase :: (class -> bool) -> type -> string
  # The description, in parentheses where it would be misread.
  optionDescriptionPhrase =
    unparenthesised: t:
    if unparenthesised (t.descriptionClass or null) then t.description else "(${t.description})";

  # optionType :: the type of types, joined by `typeMerge`
  optionType = mkOptionType {
    name = "optionType";
    description = "optionType";
    descriptionClass = "noun";
    check = value: value._type or null == "option-type";
    merge =
      loc: defs:
      let
        # `mergeOptionDecls` does the work: each definition is taken as a declaration.
        declarations = map (def: {
          _file = def.file;
          options = lib.mkOption { type = def.value; };
          pos = def.pos or null;
        }) defs;
      in
      if builtins.length defs == 1 then
        # As it is: it may have been changed in ways that joining does not know.
        (builtins.head defs).value
      else
        (lib.modules.mergeOptionDecls loc declarations).type;
  };

  # optionDeclaration :: the type of `mkOption`'s results
  optionDeclaration = mkOptionType {
    name = "optionDeclaration";
    description = "option declaration";
    descriptionClass = "noun";
    # An option of an evaluation is no declaration any more.
    check = value: value._type or null == "option" && !(value ? isDefined);
    merge = loc: defs: lib.options.mergeOneOption loc defs;
  };
}
