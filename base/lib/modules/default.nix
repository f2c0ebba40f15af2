# The module system: many small declarations and definitions to one checked configuration.
#
# `load.nix` finds the modules, `merge.nix` walks options and definitions side by side, and
# `properties.nix` decides which definitions count. This file ties the knot: modules are functions
# of the very `config` and `options` that come out.
{ lib }:
let
  inherit (builtins) addErrorContext removeAttrs seq;
  inherit (lib) mkOption types;

  properties = import ./properties.nix { inherit lib; };
  loading = import ./load.nix { inherit lib; };
  merging = import ./merge.nix { inherit lib; };
  aliases = import ./aliases.nix { inherit lib; };

  # The options that steer an evaluation. Declared in the first module of each.
  internalModule =
    {
      prefix,
      class,
      specialArgs,
      extendModules,
      type,
    }:
    {
      _file = "the module system";
      key = "the module system";
      options._module = {
        args = mkOption {
          # Lazy, so that one argument may depend on options that depend on another.
          type = types.lazyAttrsOf types.raw;
          # Submodules of a documented option would repeat it for each.
          internal = prefix != [ ];
          description = ''
            Additional arguments passed to each module, in addition to those given as `specialArgs`
            and to `lib`, `config`, `options`. A module takes one by naming it in its argument list.
            Arguments that decide about `imports` must be passed as `specialArgs` instead.
          '';
          default = { };
        };
        check = mkOption {
          type = types.bool;
          internal = true;
          default = true;
          description = "Whether definitions of options that do not exist are an error.";
        };
        freeformType = mkOption {
          type = types.nullOr types.optionType;
          internal = true;
          default = null;
          description = "The type of all definitions that belong to no declared option. Without one, they are an error.";
        };
        specialArgs = mkOption {
          readOnly = true;
          internal = true;
          type = types.raw;
          description = "Arguments of every module that are known before any option is evaluated.";
        };
      };
      config._module = {
        args = {
          inherit extendModules;
          moduleType = type;
        };
        inherit specialArgs;
      };
    };

  # evalModules :: { modules; prefix; specialArgs; class; args; check; } -> configuration
  evalModules =
    {
      modules,
      prefix ? [ ],
      specialArgs ? { },
      class ? null,
      args ? { },
      check ? true,
    }@evaluation:
    let
      type = lib.types.submoduleWith {
        inherit modules specialArgs class;
      };

      extendModules =
        {
          modules ? [ ],
          specialArgs ? { },
          prefix ? [ ],
        }:
        evalModules (
          evaluation
          // {
            inherit prefix;
            modules = evaluation.modules ++ modules;
            specialArgs = (evaluation.specialArgs or { }) // specialArgs;
          }
        );

      legacyModules =
        (if evaluation ? args then [ { config._module.args = args; } ] else [ ])
        ++ (if evaluation ? check then [ { config._module.check = lib.mkDefault check; } ] else [ ]);

      internal = internalModule {
        inherit
          prefix
          class
          specialArgs
          extendModules
          type
          ;
      };

      collected =
        loading.collect
          {
            inherit class;
            modulesPath = specialArgs.modulesPath or "";
          }
          (modules ++ legacyModules ++ [ internal ])
          (
            {
              inherit
                lib
                options
                specialArgs
                ;
              config = addErrorContext loading.recursionHint config;
              _class = class;
              _prefix = prefix;
            }
            // specialArgs
          );

      # Definitions of imported modules come before those of the importing one.
      merged = merging.mergeModules prefix (lib.reverseList collected.modules);

      options = merged.matchedOptions;

      declaredConfig = merging.valuesOf options;

      freeformType = declaredConfig._module.freeformType;

      config =
        if freeformType == null || merged.unmatchedDefns == [ ] then
          declaredConfig
        else
          lib.recursiveUpdate freeformConfig declaredConfig;

      freeformConfig =
        let
          defs = map (def: {
            inherit (def) file;
            value = lib.setAttrByPath (lib.drop (builtins.length prefix) def.prefix) def.value;
          }) merged.unmatchedDefns;
        in
        freeformType.merge prefix defs;

      checkUnmatched =
        if merged.unmatchedDefns != [ ] && freeformType == null && declaredConfig._module.check then
          throw (merging.unknownOptionMessage prefix options merged.unmatchedDefns)
        else
          null;

      checked = seq checkUnmatched;
    in
    {
      _type = "configuration";
      options = checked options;
      config = checked (removeAttrs config [ "_module" ]);
      _module = checked config._module;
      inherit (collected) graph;
      inherit extendModules type class;
    };
in
properties
// aliases
// {
  inherit evalModules;
  inherit (loading)
    importApply
    importJSON
    importTOML
    setDefaultModuleLocation applyModuleArgs;
  inherit (merging)
    evalOptionValue
    mergeDefinitions
    mergeModules
    mergeModules'
    mergeOptionDecls
    mergeAttrDefinitionsWithPrio
    fixupOptionType
    ;
  applyModuleArgsIfFunction =
    key: f: args:
    if lib.isFunction f then loading.applyModuleArgs key f args else f;
  unifyModuleSyntax = loading.normalise;
}
