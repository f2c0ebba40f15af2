# Functions and packages that can be changed after the fact: `override`, scopes, `callPackage`.
{ lib }:
let
  inherit (builtins)
    attrNames
    filter
    head
    intersectAttrs
    isAttrs
    isFunction
    mapAttrs
    removeAttrs
    ;
  inherit (lib) functionArgs mirrorFunctionArgs setFunctionArgs;
in
rec {
  # overrideDerivation :: derivation -> (attributes -> attributes) -> derivation
  # The derivation made anew with changed arguments of `derivation` itself.
  overrideDerivation =
    drv: f:
    let
      changed = derivation (drv.drvAttrs // f drv);
    in
    lib.flip (extendDerivation (builtins.seq drv.drvPath true)) changed (
      {
        meta = drv.meta or { };
        passthru = drv.passthru or { };
      }
      // (drv.passthru or { })
      // lib.optionalAttrs (drv ? __spliced) { __spliced = mapAttrs (_: s: overrideDerivation s f) drv.__spliced; }
    );

  # makeOverridable :: (set -> a) -> (set -> a)
  # Results that are sets or functions get `override`, and packages `overrideDerivation`.
  makeOverridable =
    f:
    let
      # A callable set keeps its other attributes.
      mirror =
        if isAttrs f then
          g:
          f
          // {
            __functor = _: g;
            __functionArgs = functionArgs f;
            # What it was made with can be changed as before; the result stays overridable.
            ${if f ? override then "override" else null} = changes: makeOverridable (f.override changes);
          }
        else
          mirrorFunctionArgs f;
    in
    mirror (
      arguments:
      let
        result = f arguments;
        changedWith = new: arguments // (if lib.isFunction new then new arguments else new);
        override = mirrorFunctionArgs f (new: makeOverridable f (changedWith new));
        overrideResult = change: makeOverridable (mirror (args: change (f args))) arguments;
      in
      if isAttrs result then
        result
        // {
          inherit override;
          overrideDerivation = change: overrideResult (drv: overrideDerivation drv change);
          ${if result ? overrideAttrs then "overrideAttrs" else null} =
            change: overrideResult (drv: drv.overrideAttrs change);
        }
      else if isFunction result then
        setFunctionArgs result (functionArgs result) // { inherit override; }
      else
        result
    );

  # callPackageWith :: set -> (path | function) -> set -> a
  # Fills the named arguments of a function from a set.
  callPackageWith =
    autoArgs: fn: args:
    let
      f = if lib.isFunction fn then fn else import fn;
      wanted = functionArgs f;
      found = intersectAttrs wanted autoArgs // args;
      missing = filter (name: !wanted.${name} && !found ? ${name}) (attrNames wanted);
      name = head missing;
      position = builtins.unsafeGetAttrPos name wanted;
      where =
        if position != null then
          "${position.file}:${toString position.line}"
        else if !lib.isFunction fn then
          toString fn + lib.optionalString (lib.filesystem.pathIsDirectory fn) "/default.nix"
        else
          "<unknown location>";
      near = lib.take 3 (
        lib.sortOn (lib.levenshtein name) (
          filter (candidate: lib.levenshteinAtMost 2 name candidate) (attrNames (autoArgs // args))
        )
      );
      suggestions =
        if near == [ ] then
          ""
        else
          ", did you mean ${
            if builtins.length near == 1 then
              lib.escapeNixString (head near)
            else
              "${lib.concatMapStringsSep ", " lib.escapeNixString (lib.init near)} or ${lib.escapeNixString (lib.last near)}"
          }?";
    in
    if missing == [ ] then
      makeOverridable f found
    else
      abort ''lib.customisation.callPackageWith: Function called without required argument "${name}" at ${where}${suggestions}'';

  # callPackagesWith :: set -> (path | function) -> set -> set
  # For functions that give a set of packages: each can be overridden by itself.
  callPackagesWith =
    autoArgs: fn: args:
    let
      f = if lib.isFunction fn then fn else import fn;
      found = intersectAttrs (functionArgs f) autoArgs // args;
      mirror = mirrorFunctionArgs f;
      packages = f found;
      pick = name: _: makeOverridable (mirror (new: (f new).${name})) found;
    in
    if lib.isDerivation packages then
      throw "function `callPackages` was called on a *single* derivation \"${packages.name or "<unknown-name>"}\"; did you mean to use `callPackage` instead?"
    else
      mapAttrs pick (removeAttrs packages [ ])
      // lib.optionalAttrs (packages ? recurseForDerivations) { inherit (packages) recurseForDerivations; };

  # extendDerivation :: bool -> set -> derivation -> derivation
  # With more attributes, also on each output; the condition is checked when it is built.
  extendDerivation =
    condition: passthru: drv:
    let
      outputs = drv.outputs or [ "out" ];
      common =
        removeAttrs drv [
          "out"
        ]
        // outputSet
        // {
          all = map (name: outputSet.${name}) outputs;
        }
        // passthru;
      outputOf = name: {
        inherit name;
        value =
          common
          // {
            inherit (drv.${name}) type outputName;
            outputSpecified = true;
            drvPath =
              assert condition;
              drv.${name}.drvPath;
            outPath =
              assert condition;
              drv.${name}.outPath;
          }
          // lib.optionalAttrs (passthru ? overrideAttrs) {
            overrideAttrs = f: (passthru.overrideAttrs f).${name};
          };
      };
      outputSet = builtins.listToAttrs (map outputOf outputs);
    in
    common
    // {
      drvPath =
        assert condition;
        drv.drvPath;
      outPath =
        assert condition;
        drv.outPath;
    };

  # hydraJob :: derivation -> derivation
  # Only what a build server needs.
  hydraJob =
    drv:
    let
      outputs = drv.outputs or [ "out" ];
      common = {
        inherit (drv) name system;
        meta = drv.meta or { };
      }
      // lib.optionalAttrs (drv._hydraAggregate or false) {
        _hydraAggregate = true;
        constituents = map hydraJob (lib.flatten drv.constituents);
      }
      // builtins.listToAttrs (map outputOf outputs);
      outputOf = name: {
        inherit name;
        value = common // {
          outputName = name;
          outPath = drv.${name}.outPath;
          drvPath = drv.${name}.drvPath;
          type = "derivation";
        };
      };
    in
    if drv == null then null else common.${head outputs};

  # makeScope :: (set -> callPackage) -> (scope -> set) -> scope
  # Packages that see each other, and can be extended.
  makeScope =
    newScope: f:
    let
      self = {
        callPackage = self.newScope { };
      }
      // f self
      // {
        newScope = scope: newScope (self // scope);
        overrideScope = overlay: makeScope newScope (lib.extends overlay f);
        overrideScope' = self.overrideScope;
        packages = f;
      };
    in
    self;

  # makeScopeWithSplicing :: splice -> newScope -> set -> keep -> extra -> (scope -> set) -> scope
  makeScopeWithSplicing =
    splicePackages: newScope: otherSplices: keep: extra: f:
    makeScopeWithSplicing' { inherit splicePackages newScope; } {
      inherit
        otherSplices
        keep
        extra
        f
        ;
    };
  makeScopeWithSplicing' =
    { splicePackages, newScope }:
    {
      otherSplices,
      f,
      keep ? (_: { }),
      extra ? (_: { }),
    }:
    let
      self = f self // {
        newScope = scope: newScope (spliced // scope);
        callPackage = newScope spliced;
        overrideScope =
          overlay:
          makeScopeWithSplicing' { inherit splicePackages newScope; } {
            inherit otherSplices keep extra;
            f = lib.extends overlay f;
          };
        packages = f;
      };
      spliced = extra spliced0 // spliced0 // keep self;
      spliced0 = splicePackages {
        pkgsBuildBuild = otherSplices.selfBuildBuild;
        pkgsBuildHost = otherSplices.selfBuildHost;
        pkgsBuildTarget = otherSplices.selfBuildTarget;
        pkgsHostHost = otherSplices.selfHostHost;
        pkgsHostTarget = self;
        pkgsTargetTarget = otherSplices.selfTargetTarget;
      };
    in
    self;

  # extendMkDerivation :: { constructDrv; extendDrvArgs; excludeDrvArgNames; ... } -> (args -> derivation)
  # A builder out of another builder, for fixed-point and plain arguments alike.
  extendMkDerivation =
    {
      constructDrv,
      excludeDrvArgNames ? [ ],
      excludeFunctionArgNames ? [ ],
      extendDrvArgs,
      inheritFunctionArgs ? true,
      transformDrv ? (drv: drv),
    }:
    setFunctionArgs
      (
        fpargs:
        transformDrv (
          constructDrv (
            lib.extends (final: args: removeAttrs args excludeDrvArgNames // extendDrvArgs final args) (
              lib.toFunction fpargs
            )
          )
        )
      )
      (
        removeAttrs (
          lib.optionalAttrs inheritFunctionArgs (functionArgs constructDrv) // functionArgs (extendDrvArgs { })
        ) excludeFunctionArgNames
      );

  # renameCrossIndexFrom, renameCrossIndexTo :: string -> set -> set
  # Between `pkgsBuildHost` and `PREFIXBuildHost` names.
  renameCrossIndexFrom =
    prefix: x: mapAttrs (_: name: x.${name}) (crossNames prefix);
  renameCrossIndexTo =
    prefix: x:
    lib.mapAttrs' (standard: name: lib.nameValuePair name x.${standard}) (crossNames prefix);

  # mapCrossIndex :: (a -> b) -> set -> set
  mapCrossIndex = f: x: mapAttrs (standard: _: f x.${standard}) (crossNames "");

  crossNames =
    prefix:
    lib.genAttrs [ "buildBuild" "buildHost" "buildTarget" "hostHost" "hostTarget" "targetTarget" ] (
      name: prefix + lib.toUpper (builtins.substring 0 1 name) + builtins.substring 1 (-1) name
    );
}
