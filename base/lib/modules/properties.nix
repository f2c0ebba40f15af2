# Properties: what may be wrapped around a definition (condition, priority, order) and how it comes off again.
#
# Two passes take them off. `pushDown` works on sets that hold definitions of several options: the
# property moves to each attribute, so that the names are known while the condition is not yet
# evaluated. `discharge` works on the definition of one option and gives plain values.
{ lib }:
let
  inherit (builtins) concatMap isAttrs isBool;
in
rec {
  # mkIf :: bool -> a -> property a
  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };

  # mkAssert :: bool -> string -> a -> property a
  mkAssert =
    assertion: message: content:
    mkIf (if assertion then true else throw "\nFailed assertion: ${message}") content;

  # mkMerge :: [a] -> property a
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };

  # mkOverride :: int -> a -> property a
  # Of several definitions only those with the lowest number count.
  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };

  # The priorities, from weak to strong.
  mkOptionDefault = mkOverride 1500;
  mkDefault = mkOverride 1000;
  defaultOverridePriority = 100;
  defaultPriority = defaultOverridePriority;
  mkImageMediaOverride = mkOverride 60;
  mkForce = mkOverride 50;
  mkVMOverride = mkOverride 10;

  # mkFixStrictness :: a -> a, kept for old configurations
  mkFixStrictness = x: x;

  # mkOrder :: int -> a -> property a
  # Where a definition stands among the others; lists and lines are joined in this order.
  mkOrder = priority: content: {
    _type = "order";
    inherit priority content;
  };
  mkBefore = mkOrder 500;
  defaultOrderPriority = 1000;
  mkAfter = mkOrder 1500;

  # mkDefinition :: { file; value; } -> property a
  # A definition that is reported as coming from another file.
  mkDefinition = args: args // { _type = "definition"; };

  # wrapWith :: property -> a -> property a
  # The property with other content.
  wrapWith = property: content: property // { inherit content; };

  # pushDown :: { file; value; } -> [{ file; attrs; wrap; }]
  # `wrap` is null, or the function that puts the properties around each attribute's value.
  pushDown =
    let
      compose = outer: inner: if outer == null then inner else x: outer (inner x);
      go =
        file: wrap: value:
        let
          type = value._type or null;
        in
        if type == null then
          [
            {
              inherit file wrap;
              attrs = value;
            }
          ]
        else if type == "merge" then
          concatMap (go file wrap) (
            builtins.addErrorContext "while evaluating definitions from `${file}':" value.contents
          )
        else if type == "if" || type == "override" || type == "order" then
          go file (compose wrap (wrapWith value)) value.content
        else if type == "definition" then
          go value.file wrap value.value
        else
          [
            {
              inherit file wrap;
              attrs = value;
            }
          ];
    in
    def: go def.file null def.value;

  # discharge :: { file; value; pos; } -> [{ file; value; pos; priority; settled; }]
  # Conditions and merges come off; what is under a priority is not looked at, so that a definition
  # that loses is never evaluated. `settled` is false where properties may be left inside.
  discharge =
    def:
    let
      pos = def.pos or null;
      entry = file: priority: settled: value: [
        {
          inherit
            file
            value
            pos
            priority
            settled
            ;
        }
      ];
      go =
        file: value:
        let
          type = value._type or null;
        in
        if type == null then
          entry file defaultOverridePriority true value
        else if type == "if" then
          if condition file value then go file value.content else [ ]
        else if type == "merge" then
          concatMap (go file) value.contents
        else if type == "override" then
          entry file value.priority false value.content
        else if type == "definition" then
          go value.file value.value
        else
          entry file defaultOverridePriority (type != "order") value;
    in
    go def.file def.value;

  # settle :: { file; value; pos; settled; } -> [{ file; value; pos; order; }]
  # The second step, for the definitions that won: the outermost order wins, further priorities do not count.
  settle =
    def:
    let
      go =
        file: order: value:
        let
          type = value._type or null;
        in
        if type == "if" then
          if condition file value then go file order value.content else [ ]
        else if type == "merge" then
          concatMap (go file order) value.contents
        else if type == "override" then
          go file order value.content
        else if type == "order" then
          go file (if order == null then value.priority else order) value.content
        else if type == "definition" then
          go value.file order value.value
        else
          [
            {
              inherit file value;
              inherit (def) pos;
              order = if order == null then defaultOrderPriority else order;
            }
          ];
    in
    if def.settled then [ (def // { order = defaultOrderPriority; }) ] else go def.file null def.value;

  # condition :: file -> property -> bool
  condition =
    file: property:
    if isBool property.condition then
      property.condition
    else
      throw "mkIf called with a non-Boolean condition in `${file}': it is of type `${builtins.typeOf property.condition}'";

  # dischargeProperties :: property a -> [a]
  # Without conditions and merges; priorities and orders stay.
  dischargeProperties =
    def:
    if def._type or "" == "merge" then
      concatMap dischargeProperties def.contents
    else if def._type or "" == "if" then
      if !isBool def.condition then
        throw "'mkIf' called with a non-Boolean condition"
      else if def.condition then
        dischargeProperties def.content
      else
        [ ]
    else
      [ def ];

  # pushDownProperties :: property set -> [set]
  pushDownProperties =
    value:
    map (entry: if entry.wrap == null then entry.attrs else builtins.mapAttrs (_: entry.wrap) entry.attrs) (
      pushDown {
        file = lib.options.unknownModule;
        inherit value;
      }
    );

  # mapDefinitionValue :: (a -> b) -> property a -> property b
  mapDefinitionValue =
    f: value:
    let
      type = value._type or null;
      inner = mapDefinitionValue f;
    in
    if type == "if" || type == "override" || type == "order" then
      value // { content = inner value.content; }
    else if type == "merge" then
      value // { contents = map inner value.contents; }
    else if type == "definition" then
      value // { value = inner value.value; }
    else
      f value;

  # filterOverrides' :: [{ value; }] -> { values; highestPrio; }
  filterOverrides' =
    defs:
    let
      priorityOf =
        def: if def.value._type or "" == "override" then def.value.priority else defaultOverridePriority;
      highestPrio = builtins.foldl' (prio: def: lib.min (priorityOf def) prio) 9999 defs;
      strip =
        def: if def.value._type or "" == "override" then def // { value = def.value.content; } else def;
    in
    {
      values = map strip (builtins.filter (def: priorityOf def == highestPrio) defs);
      inherit highestPrio;
    };
  filterOverrides = defs: (filterOverrides' defs).values;

  # sortProperties :: [{ value; }] -> [{ value; }]
  sortProperties =
    defs:
    let
      strip =
        def:
        if def.value._type or "" == "order" then
          def
          // {
            value = def.value.content;
            inherit (def.value) priority;
          }
        else
          def;
      orderOf = def: def.priority or defaultOrderPriority;
    in
    builtins.sort (a: b: orderOf a < orderOf b) (map strip defs);

  # mkAliasDefinitions :: option -> property a
  # The definitions of an option, for use as definitions of another.
  mkAliasDefinitions = mkAliasAndWrapDefinitions (x: x);
  mkAliasAndWrapDefinitions = wrap: option: mkAliasIfDef option (wrap (mkMerge option.definitions));
  mkAliasAndWrapDefsWithPriority =
    wrap: option:
    let
      priority = option.highestPrio or defaultOverridePriority;
    in
    mkAliasIfDef option (
      wrap (
        mkMerge (
          map (
            def: if isAttrs def && def._type or "" == "override" then def else mkOverride priority def
          ) option.definitions
        )
      )
    );
  mkAliasIfDef = option: mkIf (lib.isOption option && option.isDefined);

  # mkDerivedConfig :: option -> (value -> property a) -> property a
  mkDerivedConfig =
    option: f:
    mkOverride (option.highestPrio or defaultOverridePriority) (f option.value);
}
