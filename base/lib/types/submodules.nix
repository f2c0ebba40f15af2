# Types whose values are configurations of their own.
{ lib, base }:
let
  inherit (builtins) isAttrs removeAttrs;
  inherit (lib) isFunction;
  inherit (base) defaultFunctor mkOptionType;
  inherit (lib) last;

  # submoduleWith :: { modules; specialArgs; shorthandOnlyDefinesConfig; description; class; } -> type
  submoduleWith =
    {
      modules,
      specialArgs ? { },
      shorthandOnlyDefinesConfig ? false,
      description ? null,
      class ? null,
    }@attributes:
    let
      inherit (lib.modules) evalModules setDefaultModuleLocation;

      # A definition as a module; a plain set is configuration alone where that was asked for.
      toModule =
        def:
        if isAttrs def.value && (shorthandOnlyDefinesConfig == true) then
          {
            _file = def.file;
            config = def.value;
          }
        else
          setDefaultModuleLocation def.file def.value;

      base = evalModules {
        inherit class specialArgs;
        modules = [
          {
            _file = "the module system";
            # For documentation; a value's own name comes at a stronger priority.
            _module.args.name = lib.mkOptionDefault "‹name›";
          }
        ]
        ++ modules;
      };

      evaluate =
        loc: defs:
        base.extendModules {
          modules = [
            {
              _file = "the module system";
              _module.args.name = last loc;
            }
          ]
          ++ map toModule defs;
          prefix = loc;
        };

      # For documentation and descriptions, which must not fail on a wrong definition.
      documented = base.extendModules { modules = [ { _module.check = lib.mkForce false; } ]; };
      freeformType = documented._module.freeformType;
      name = "submodule";
    in
    mkOptionType {
      inherit name;
      description =
        if description != null then
          description
        else if freeformType == null || freeformType.description == "" then
          name
        else
          "open ${name} of ${
            lib.types.optionDescriptionPhrase (class: class == "noun" || class == "composite") freeformType
          }";
      check = value: isAttrs value || isFunction value || lib.types.path.check value;
      merge = loc: defs: (evaluate loc defs).config;
      valueMeta = loc: defs: { configuration = evaluate loc defs; };
      emptyValue.value = base.config;
      getSubOptions =
        prefix:
        let
          below = if freeformType == null then { } else freeformType.getSubOptions prefix;
        in
        removeAttrs (documented.extendModules { inherit prefix; }).options [ "_module" ]
        // lib.optionalAttrs (below != { } && freeformType != null) { _freeformOptions = below; };
      getSubModules = modules;
      substSubModules = modules: submoduleWith (attributes // { inherit modules; });
      nestedTypes = lib.optionalAttrs (freeformType != null) { inherit freeformType; };
      functor = defaultFunctor name // {
        type = submoduleWith;
        payload = {
          inherit
            modules
            class
            specialArgs
            shorthandOnlyDefinesConfig
            description
            ;
        };
        binOp = lhs: rhs: {
          class =
            if lhs.class == null then
              rhs.class
            else if rhs.class == null || lhs.class == rhs.class then
              lhs.class
            else
              throw "A submoduleWith option is declared multiple times with conflicting class values \"${toString rhs.class}\" and \"${toString lhs.class}\".";
          modules = lhs.modules ++ rhs.modules;
          specialArgs =
            let
              shared = builtins.intersectAttrs lhs.specialArgs rhs.specialArgs;
            in
            if shared == { } then
              lhs.specialArgs // rhs.specialArgs
            else
              throw "A submoduleWith option is declared multiple times with the same specialArgs \"${toString (builtins.attrNames shared)}\"";
          shorthandOnlyDefinesConfig =
            if lhs.shorthandOnlyDefinesConfig == null then
              rhs.shorthandOnlyDefinesConfig
            else if rhs.shorthandOnlyDefinesConfig == null then
              lhs.shorthandOnlyDefinesConfig
            else if lhs.shorthandOnlyDefinesConfig == rhs.shorthandOnlyDefinesConfig then
              lhs.shorthandOnlyDefinesConfig
            else
              throw "A submoduleWith option is declared multiple times with conflicting shorthandOnlyDefinesConfig values";
          description =
            if lhs.description == null then
              rhs.description
            else if rhs.description == null || lhs.description == rhs.description then
              lhs.description
            else
              throw "A submoduleWith option is declared multiple times with conflicting descriptions";
        };
      };
    };
in
rec {
  inherit submoduleWith;

  # submodule :: (module | [module]) -> type
  submodule =
    modules:
    submoduleWith {
      shorthandOnlyDefinesConfig = true;
      modules = lib.toList modules;
    };

  # deferredModuleWith :: { staticModules; } -> type
  # A module that is not evaluated here but imported somewhere else.
  deferredModuleWith =
    {
      staticModules ? [ ],
    }@attributes:
    mkOptionType {
      name = "deferredModule";
      description = "module";
      descriptionClass = "noun";
      check = value: isAttrs value || isFunction value || lib.types.path.check value;
      merge = loc: defs: {
        imports =
          staticModules
          ++ map (
            def:
            lib.modules.setDefaultModuleLocation "${def.file}, via option ${lib.showOption loc}" def.value
          ) defs;
      };
      inherit
        (submoduleWith {
          modules = staticModules;
        })
        getSubOptions
        getSubModules
        ;
      substSubModules =
        modules: deferredModuleWith (attributes // { staticModules = modules; });
      functor = defaultFunctor "deferredModuleWith" // {
        type = deferredModuleWith;
        payload = {
          inherit staticModules;
        };
        binOp = lhs: rhs: {
          staticModules = lhs.staticModules ++ rhs.staticModules;
        };
      };
    };
  deferredModule = deferredModuleWith { };
}
