# Types of lists and attribute sets.
{ lib, base }:
let
  inherit (builtins)
    concatLists
    concatMap
    head
    isAttrs
    isList
    length
    mapAttrs
    unsafeGetAttrPos
    zipAttrsWith
    ;
  inherit (base)
    defaultFunctor
    elemTypeFunctor
    mkOptionType
    optionDescriptionPhrase
    ;
  inherit (lib.modules) mergeDefinitions;

  together = _: values: values;

  # Definitions of a set of values to definitions of each, with where they stand.
  byName =
    defs:
    zipAttrsWith together (
      map (
        def:
        mapAttrs (name: value: {
          inherit (def) file;
          inherit value;
          pos = unsafeGetAttrPos name def.value;
        }) def.value
      ) defs
    );

  # attrsWith :: { elemType; lazy; placeholder; } -> type
  # Lazy: names do not wait for their values, so a name defined only under a false condition is there.
  attrsWith =
    {
      elemType,
      lazy ? false,
      placeholder ? "name",
    }:
    mkOptionType {
      name = if lazy then "lazyAttrsOf" else "attrsOf";
      description = (if lazy then "lazy attribute set" else "attribute set") + " of ${
        optionDescriptionPhrase (class: class == "noun" || class == "composite") elemType
      }";
      descriptionClass = "composite";
      check = isAttrs;
      merge =
        loc: defs:
        if lazy then
          mapAttrs (
            name: elementDefs:
            let
              merged = mergeDefinitions (loc ++ [ name ]) elemType elementDefs;
            in
            merged.optionalValue.value or elemType.emptyValue.value or merged.mergedValue
          ) (byName defs)
        else
          let
            merged = mapAttrs (
              name: elementDefs: mergeDefinitions (loc ++ [ name ]) elemType elementDefs
            ) (byName defs);
            undefined = builtins.filter (name: !merged.${name}.isDefined) (builtins.attrNames merged);
          in
          mapAttrs (_: m: m.mergedValue) (
            if undefined == [ ] then merged else removeAttrs merged undefined
          );
      valueMeta = loc: defs: {
        attrs = mapAttrs (
          name: elementDefs: (mergeDefinitions (loc ++ [ name ]) elemType elementDefs).valueMeta
        ) (byName defs);
      };
      emptyValue.value = { };
      getSubOptions = prefix: elemType.getSubOptions (prefix ++ [ "<${placeholder}>" ]);
      getSubModules = elemType.getSubModules;
      substSubModules =
        modules:
        attrsWith {
          elemType = elemType.substSubModules modules;
          inherit lazy placeholder;
        };
      functor = (elemTypeFunctor "attrsWith" { inherit elemType; }) // {
        payload = { inherit elemType lazy placeholder; };
        type = attrsWith;
        binOp =
          a: b:
          let
            merged = a.elemType.typeMerge b.elemType.functor;
            # "name" is what nobody chose.
            chosen =
              if a.placeholder == b.placeholder then
                a.placeholder
              else if a.placeholder == "name" then
                b.placeholder
              else if b.placeholder == "name" then
                a.placeholder
              else
                null;
          in
          if merged == null || a.lazy != b.lazy || chosen == null then
            null
          else
            {
              elemType = merged;
              inherit (a) lazy;
              placeholder = chosen;
            };
      };
      nestedTypes.elemType = elemType;
    };

  # listOf :: type -> type
  # Definitions follow each other in their order.
  listOf =
    elemType:
    let
      # Each element by itself; those under a false condition are left out.
      elements =
        loc: defs:
        builtins.filter (merged: merged.isDefined) (
          concatLists (
            lib.imap1 (
              n: def:
              lib.imap1 (
                m: value:
                mergeDefinitions (loc ++ [ "[definition ${toString n}-entry ${toString m}]" ]) elemType [
                  {
                    inherit (def) file;
                    inherit value;
                  }
                ]
              ) def.value
            ) defs
          )
        );
    in
    mkOptionType rec {
      name = "listOf";
      description = "list of ${
        optionDescriptionPhrase (class: class == "noun" || class == "composite") elemType
      }";
      descriptionClass = "composite";
      check = isList;
      merge = loc: defs: map (merged: merged.mergedValue) (elements loc defs);
      valueMeta = loc: defs: { list = map (merged: merged.valueMeta) (elements loc defs); };
      emptyValue.value = [ ];
      getSubOptions = prefix: elemType.getSubOptions (prefix ++ [ "*" ]);
      getSubModules = elemType.getSubModules;
      substSubModules = modules: listOf (elemType.substSubModules modules);
      functor = elemTypeFunctor name { inherit elemType; } // {
        type = payload: listOf payload.elemType;
      };
      nestedTypes.elemType = elemType;
    };
in
rec {
  # A set whose attributes are not looked into; definitions are joined by `//`.
  attrs = mkOptionType {
    name = "attrs";
    description = "attribute set";
    descriptionClass = "noun";
    check = isAttrs;
    merge = _: defs: builtins.foldl' (set: def: set // def.value) { } defs;
    emptyValue.value = { };
  };

  inherit attrsWith listOf;
  attrsOf = elemType: attrsWith { inherit elemType; };
  # Lists were once allowed as well.
  loaOf = elemType: attrsOf elemType // {
    name = "loaOf";
    deprecationMessage = "Use `attrsOf' instead.";
    nestedTypes.elemType = elemType;
  };
  lazyAttrsOf =
    elemType:
    attrsWith {
      inherit elemType;
      lazy = true;
    };

  nonEmptyListOf =
    elemType:
    let
      list = lib.types.addCheck (listOf elemType) (value: value != [ ]);
    in
    list
    // {
      description = "non-empty ${optionDescriptionPhrase (class: class == "noun") (listOf elemType)}";
      emptyValue = { };
      substSubModules = modules: nonEmptyListOf (elemType.substSubModules modules);
    };

  # Anything: sets are merged attribute by attribute, the rest must be equal.
  anything = mkOptionType {
    name = "anything";
    description = "anything";
    descriptionClass = "noun";
    check = _: true;
    merge =
      loc: defs:
      let
        kindOf =
          value:
          if isAttrs value && lib.isStringLike value then
            "stringCoercibleSet"
          else
            builtins.typeOf value;
        kinds = lib.unique (map (def: kindOf def.value) defs);
        kind = head kinds;
      in
      if length kinds != 1 then
        throw "The option `${lib.showOption loc}' has conflicting option types in ${lib.showFiles (lib.getFiles defs)}"
      else if kind == "set" then
        (attrsOf anything).merge loc defs
      else if kind == "lambda" then
        if length defs == 1 then
          (head defs).value
        else
          x:
          let
            body = loc ++ [ "<function body>" ];
          in
          anything.merge body (map (def: { inherit (def) file; value = def.value x; }) defs)
      else if kind == "stringCoercibleSet" then
        lib.mergeOneOption loc defs
      else
        lib.mergeEqualOption loc defs;
  };

  # attrTag :: { tag = option; } -> type
  # A set with exactly one of the tags, whose option says what its value is.
  attrTag =
    tags:
    let
      choices = lib.concatStringsSep ", " (builtins.attrNames tags);
      checked = mapAttrs (
        tag: option:
        builtins.addErrorContext "while checking that attrTag tag ${lib.escapeNixIdentifier tag} is an option with a type${
          let
            pos = unsafeGetAttrPos tag tags;
          in
          if pos == null then "" else " (at ${pos.file}:${toString pos.line})"
        }" (
          if option._type or null == "option" then
            option
            // {
              declarations = option.declarations or (
                let
                  pos = unsafeGetAttrPos tag tags;
                in
                if pos == null then [ ] else [ pos.file ]
              );
              declarationPositions = option.declarationPositions or (
                let
                  pos = unsafeGetAttrPos tag tags;
                in
                if pos == null then [ ] else [ pos ]
              );
            }
          else
            throw "In attrTag, each tag value must be an option, but tag ${lib.escapeNixIdentifier tag} ${
              if option ? _type then
                if option._type == "option-type" then
                  "was a bare type, not wrapped in mkOption."
                else
                  "was of type ${lib.escapeNixString option._type}."
              else
                "was not."
            }"
        )
      ) tags;
    in
    mkOptionType {
      name = "attrTag";
      description = "attribute-tagged union with choices: ${choices}";
      descriptionClass = "conjunction";
      check = value: isAttrs value && length (builtins.attrNames value) == 1 && tags ? ${head (builtins.attrNames value)};
      merge =
        loc: defs:
        let
          names = lib.unique (concatMap (def: builtins.attrNames def.value) defs);
          choice = head names;
          option = checked.${choice};
        in
        if length names > 1 then
          throw "The option `${lib.showOption loc}` is defined with several tags: ${lib.concatStringsSep ", " names}. A definition for option `${lib.showOption loc}' is not of type `attribute-tagged union with choices: ${choices}'. Definition values:${lib.showDefs defs}"
        else
          {
            ${choice} =
              (lib.modules.evalOptionValue (loc ++ [ choice ]) (lib.modules.fixupOptionType (loc ++ [ choice ]) option) (
                map (def: {
                  inherit (def) file;
                  value = def.value.${choice};
                }) defs
              )).value;
          };
      getSubOptions =
        prefix: mapAttrs (tag: option: option // { loc = prefix ++ [ tag ]; type = option.type or lib.types.unspecified; }) checked;
      functor = defaultFunctor "attrTag" // {
        payload.tags = checked;
        type = payload: attrTag payload.tags;
        binOp =
          a: b:
          let
            shared = builtins.intersectAttrs a.tags b.tags;
          in
          {
            tags =
              a.tags
              // b.tags
              // mapAttrs (
                tag: _:
                lib.modules.mergeOptionDecls [ tag ] (
                  map (option: {
                    _file = head ((option.declarations or [ ]) ++ [ "<attrTag {...}>" ]);
                    pos = head ((option.declarationPositions or [ ]) ++ [ null ]);
                    options = option;
                  }) [ a.tags.${tag} b.tags.${tag} ]
                )
              ) shared;
          };
      };
      nestedTypes = mapAttrs (_: option: option.type or lib.types.unspecified) tags;
    };
}
