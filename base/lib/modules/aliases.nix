# Modules for options that moved, changed, merged or went away.
{ lib }:
let
  inherit (lib)
    attrByPath
    getAttrFromPath
    mkIf
    mkOption
    optionalAttrs
    setAttrByPath
    showOption
    types
    ;
  inherit (lib.modules) mkAliasAndWrapDefsWithPriority mkMerge;

  # The `warnings` option, where the evaluation has one.
  warn =
    options: condition: messages:
    optionalAttrs (options ? warnings) { warnings = mkIf condition messages; };
in
rec {
  # mkRemovedOptionModule :: [string] -> string -> module
  # Defining the option fails with what to do instead.
  mkRemovedOptionModule =
    optionName: replacement:
    { options, ... }:
    {
      options = setAttrByPath optionName (mkOption {
        visible = false;
        apply = _: throw "The option `${showOption optionName}' can no longer be used since it's been removed. ${replacement}";
      });
      config.assertions =
        let
          option = getAttrFromPath optionName options;
        in
        [
          {
            assertion = !option.isDefined;
            message = ''
              The option definition `${showOption optionName}' in ${lib.showFiles option.files} no longer has any effect; please remove it.
              ${replacement}
            '';
          }
        ];
    };

  # mkRenamedOptionModule :: [string] -> [string] -> module
  # The old name works and warns.
  mkRenamedOptionModule =
    from: to:
    doRename {
      inherit from to;
      visible = false;
      warn = true;
      use = builtins.trace "Obsolete option `${showOption from}' is used. It was renamed to `${showOption to}'.";
    };

  # mkRenamedOptionModuleWith :: { from; to; sinceRelease; } -> module
  # Silent until every supported release has the new name.
  mkRenamedOptionModuleWith =
    {
      from,
      to,
      sinceRelease,
    }:
    doRename {
      inherit from to;
      visible = false;
      warn = lib.isInOldestRelease sinceRelease;
      use = lib.warnIf (lib.isInOldestRelease sinceRelease) "Obsolete option `${showOption from}' is used. It was renamed to `${showOption to}'.";
    };

  # mkMergedOptionModule :: [[string]] -> [string] -> (config -> value) -> module
  # Several old options that one new one replaces.
  mkMergedOptionModule =
    from: to: mergeFn:
    { config, options, ... }:
    let
      unset = "_mkMergedOptionModule";
      changed = builtins.filter (path: getAttrFromPath path config != unset) from;
    in
    {
      options = builtins.foldl' lib.recursiveUpdate { } (
        map (
          path:
          setAttrByPath path (mkOption {
            visible = false;
            # Undefined is not null: what reads the value must know that nobody set it.
            default = unset;
          })
        ) from
      );
      config =
        mkMerge [
          (warn options (changed != [ ]) (
            map (
              path:
              "The option `${showOption path}' defined in ${lib.showFiles (getAttrFromPath path options).files} has been changed to `${showOption to}' that has a different type. Please read `${showOption to}' documentation and update your configuration accordingly."
            ) changed
          ))
          (setAttrByPath to (mkMerge (lib.optional (changed != [ ]) (mergeFn config))))
        ];
    };

  # mkChangedOptionModule :: [string] -> [string] -> (config -> value) -> module
  mkChangedOptionModule =
    from: to: changeFn:
    mkMergedOptionModule [ from ] to changeFn;

  # mkAliasOptionModule :: [string] -> [string] -> module
  # Another name, for good.
  mkAliasOptionModule =
    from: to:
    doRename {
      inherit from to;
      visible = true;
      warn = false;
      use = x: x;
    };
  mkAliasOptionModuleMD = mkAliasOptionModule;

  # doRename :: { from; to; visible; warn; use; withPriority; condition; } -> module
  doRename =
    {
      from,
      to,
      visible,
      warn,
      use,
      withPriority ? true,
      condition ? true,
    }:
    { config, options, ... }:
    let
      fromOption = getAttrFromPath from options;
      toOption = attrByPath to { } options;
      toType = toOption.type or null;
      target = attrByPath to (abort "Renaming error: option `${showOption to}' does not exist.");
    in
    {
      options = setAttrByPath from (
        mkOption (
          {
            inherit visible;
            description = "Alias of {option}`${showOption to}`.";
            apply = _: use (target config);
          }
          // optionalAttrs (toType != null) { type = toType; }
        )
      );
      config = mkIf condition (mkMerge [
        (optionalAttrs (options ? warnings) {
          warnings = lib.optional (
            warn && fromOption.isDefined
          ) "The option `${showOption from}' defined in ${lib.showFiles fromOption.files} has been renamed to `${showOption to}'.";
        })
        (
          if withPriority then
            mkAliasAndWrapDefsWithPriority (setAttrByPath to) fromOption
          else
            lib.modules.mkAliasAndWrapDefinitions (setAttrByPath to) fromOption
        )
      ]);
    };
}
