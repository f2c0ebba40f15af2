# Options and definitions walked side by side, level by level.
#
# A declaration is `{ _file; options; pos; }`, a definition `{ file; value; pos; }`, where `pos` is
# where the attribute stands in its file, evaluated only for messages.
{ lib }:
let
  inherit (builtins)
    addErrorContext
    all
    any
    attrNames
    concatMap
    filter
    foldl'
    head
    isAttrs
    length
    mapAttrs
    removeAttrs
    tail
    unsafeGetAttrPos
    zipAttrsWith
    ;
  inherit (lib.options)
    isOption
    showDefs
    showFiles
    showOption
    ;
  properties = import ./properties.nix { inherit lib; };
  messages = import ./messages.nix { inherit lib; };

  together = _: values: values;
in
rec {
  inherit (messages) unknownOptionMessage;

  # mergeModules :: [string] -> [plain module] -> { matchedOptions; unmatchedDefns; }
  mergeModules =
    prefix: modules:
    mergeModules' prefix modules (
      map (m: {
        file = m._file;
        value = m.config;
      }) modules
    );

  # mergeModules' :: [string] -> [{ _file; options; }] -> [{ file; value; }] -> { matchedOptions; unmatchedDefns; }
  mergeModules' =
    prefix: declarations: definitions:
    let
      declarationsOf =
        d:
        if !isAttrs d.options then
          throw (messages.optionsNotASet prefix d)
        else if d.options ? _type && d.options._type != "option" then
          throw (messages.taggedSetInOptions prefix d)
        else
          mapAttrs (name: options: {
            inherit (d) _file;
            inherit options;
            pos = unsafeGetAttrPos name d.options;
          }) d.options;

      definitionsOf =
        entry:
        let
          inherit (entry) file attrs wrap;
        in
        if !isAttrs attrs then
          throw (messages.notASetForOption prefix file attrs)
        else if attrs ? _type && attrs._type == "option" then
          throw (messages.optionInConfig prefix file)
        else if wrap == null then
          mapAttrs (name: value: {
            inherit file value;
            pos = unsafeGetAttrPos name attrs;
          }) attrs
        else
          mapAttrs (name: value: {
            inherit file;
            value = wrap value;
            pos = unsafeGetAttrPos name attrs;
          }) attrs;

      declarationsByName = zipAttrsWith together (map declarationsOf declarations);

      definitionsByName = zipAttrsWith together (
        concatMap (
          def:
          addErrorContext "while evaluating a definition from `${def.file}'${
            lib.optionalString (prefix != [ ]) " of the options below `${showOption prefix}'"
          }:" (map definitionsOf (properties.pushDown def))
        ) definitions
      );

      results = mapAttrs (
        name: decls:
        mergeOne (prefix ++ [ name ]) decls (definitionsByName.${name} or [ ])
      ) declarationsByName;

      undeclared = removeAttrs definitionsByName (attrNames declarationsByName);
    in
    {
      matchedOptions = mapAttrs (_: result: result.matchedOptions) results;
      unmatchedDefns =
        concatMap (name: map (def: def // { prefix = prefix ++ [ name ]; }) undeclared.${name}) (
          attrNames undeclared
        )
        ++ concatMap (result: result.unmatchedDefns) (builtins.attrValues results);
    };

  # mergeOne :: [string] -> [declaration] -> [definition] -> { matchedOptions; unmatchedDefns; }
  # One name of one level: an option, or a set of options.
  mergeOne =
    loc: decls: defs:
    let
      options = filter (d: isOption d.options) decls;
      sets = filter (d: !isOption d.options) decls;
    in
    if options == [ ] then
      mergeModules' loc decls defs
    else
      {
        unmatchedDefns = [ ];
        matchedOptions = evalOptionValue loc (
          if sets == [ ] then
            mergeOptionDecls loc options
          # Options declared below an option whose type has options of its own join these.
          else if all (d: d.options ? type && d.options.type.getSubModules != null) options then
            mergeOptionDecls loc (options ++ map nestedToSubmodule sets)
          else
            throw (messages.optionHasNested loc (head options) sets)
        ) defs;
      };

  nestedToSubmodule =
    d:
    d
    // {
      options = lib.mkOption {
        type = lib.types.submoduleWith {
          modules = [ { inherit (d) options; _file = d._file; } ];
          # Unset, so that the declared type decides.
          shorthandOnlyDefinesConfig = null;
        };
      };
    };

  # mergeOptionDecls :: [string] -> [declaration] -> option
  # Several declarations of one option must agree, or complement each other.
  mergeOptionDecls =
    loc: decls:
    let
      single = head decls;
      declared = map (d: d._file) decls;
      positions = map (
        d:
        if d.pos or null == null then
          {
            file = d._file;
            line = null;
            column = null;
          }
        else
          d.pos
      ) decls;

      join =
        merged: d:
        let
          option = d.options;
          clash = name: merged.option ? ${name} && option ? ${name};
          mergedType =
            if merged.option ? type && option ? type then
              option.type.typeMerge merged.option.type.functor
            else
              null;
        in
        if
          clash "default" || clash "example" || clash "description" || clash "apply"
          || (clash "type" && mergedType == null)
        then
          throw (messages.alreadyDeclared loc d merged)
        else
          {
            files = merged.files ++ [ d._file ];
            option = merged.option // option // (if mergedType == null then { } else { type = mergedType; });
          };

      merged =
        if tail decls == [ ] then
          single.options
        else
          (foldl' join
            {
              files = [ single._file ];
              option = single.options // typeWithFile single;
            }
            (map (d: d // { options = d.options // typeWithFile d; }) (tail decls))
          ).option;

      # Modules of a submodule type are reported under the file that declares the option.
      typeWithFile = d: if d.options ? type then { type = fixupType d._file d.options.type; } else { };
    in
    merged
    // {
      inherit loc;
      declarations = declared;
      declarationPositions = positions;
      type = if tail decls == [ ] then fixupType single._file (merged.type or lib.types.unspecified) else merged.type or lib.types.unspecified;
      options = map (d: d.options) decls;
    };

  # fixupType :: file -> type -> type
  fixupType =
    file: type:
    if type.getSubModules or null == null then
      type
    else
      type.substSubModules (map (lib.modules.setDefaultModuleLocation file) type.getSubModules);

  # fixupOptionType :: [string] -> option -> option
  # An option that was made outside of an evaluation, ready for `evalOptionValue`.
  fixupOptionType =
    loc: option:
    option
    // {
      type = fixupType (
        if option.declarations or [ ] == [ ] then lib.options.unknownModule else head option.declarations
      ) (option.type or lib.types.unspecified);
    };

  # evalOptionValue :: [string] -> option -> [definition] -> option
  # The option with its value and all that is known of its definitions.
  evalOptionValue =
    loc: option: defs:
    let
      defaultDefs =
        if option ? default then
          [
            {
              file = head (option.declarations or [ ] ++ [ lib.options.unknownModule ]);
              value = option.default;
              pos = null;
              priority = 1500;
              settled = false;
            }
          ]
        else
          [ ];

      result =
        if option.readOnly or false && length defs + length defaultDefs > 1 then
          throw (messages.readOnlySetTwice loc (defaultDefs ++ defs))
        else
          mergeDischarged loc option.type (defaultDefs ++ concatMap properties.discharge defs);

      applied = if option ? apply then option.apply result.mergedValue else result.mergedValue;

      checkedValue =
        if option.type.deprecationMessage or null == null then
          applied
        else
          lib.warn "The type `types.${option.type.name}' of option `${showOption loc}' defined in ${showFiles option.declarations or [ ]} is deprecated. ${option.type.deprecationMessage}" applied;
    in
    option
    // {
      value = addErrorContext "while evaluating the option `${showOption loc}':" checkedValue;
      inherit (result) isDefined highestPrio valueMeta;
      definitions = map (def: def.value) result.defsFinal;
      definitionsWithLocations = map (def: { inherit (def) file value; }) result.defsFinal;
      files = map (def: def.file) result.defsFinal;
      # What an option prints as when somebody puts it where its value belongs.
      __toString = _: showOption loc;
    };

  # mergeDefinitions :: [string] -> type -> [{ file; value; }] -> { mergedValue; optionalValue; isDefined; ... }
  mergeDefinitions =
    loc: type: defs:
    mergeDischarged loc type (concatMap properties.discharge defs);

  # mergeDischarged :: [string] -> type -> [discharged definition] -> { mergedValue; ... }
  mergeDischarged =
    loc: type: discharged:
    let
      isDefined = discharged != [ ];
      highestPrio = strongestOf discharged;
      strongestOf = foldl' (prio: def: if def.priority < prio then def.priority else prio) 9999;

      # Where all that is strongest turns out to be under false conditions, the next ones count.
      settledFrom =
        defs:
        let
          prio = strongestOf defs;
          settled = concatMap properties.settle (filter (def: def.priority == prio) defs);
        in
        if settled == [ ] && defs != [ ] then settledFrom (filter (def: def.priority != prio) defs) else settled;

      settled =
        if isDefined && tail discharged == [ ] then
          properties.settle (head discharged)
        else
          settledFrom discharged;

      defsFinal =
        if any (def: def.order != properties.defaultOrderPriority) settled then
          builtins.sort (a: b: a.order < b.order) settled
        else
          settled;

      mergedValue =
        if isDefined && defsFinal != [ ] then
          if all (def: type.check def.value) defsFinal then
            type.merge loc defsFinal
          else
            throw (messages.typeMismatch loc type (filter (def: !type.check def.value) defsFinal))
        else if type.emptyValue ? value then
          type.emptyValue.value
        else
          throw (messages.noValue loc type);
    in
    {
      inherit
        isDefined
        highestPrio
        defsFinal
        mergedValue
        ;
      defsFinal' = {
        values = defsFinal;
        inherit highestPrio;
      };
      optionalValue = if isDefined then { value = mergedValue; } else { };
      valueMeta = if isDefined && type ? valueMeta then type.valueMeta loc defsFinal else { };
    };

  # mergeAttrDefinitionsWithPrio :: option -> { name = { value; highestPrio; }; }
  # Of an option of type attrsOf: each attribute with the priority that it was set with.
  mergeAttrDefinitionsWithPrio =
    option:
    mapAttrs (
      name: defs:
      let
        merged = mergeDefinitions (option.loc ++ [ name ]) option.type.nestedTypes.elemType defs;
      in
      {
        value = merged.mergedValue;
        inherit (merged) highestPrio;
      }
    ) (
      zipAttrsWith together (
        concatMap (
          def:
          map (
            entry:
            mapAttrs (_: value: {
              inherit (entry) file;
              value = if entry.wrap == null then value else entry.wrap value;
            }) entry.attrs
          ) (properties.pushDown def)
        ) option.definitionsWithLocations
      )
    );

  # valuesOf :: option tree -> set
  valuesOf = mapAttrs (_: v: if isOption v then v.value else valuesOf v);
}
