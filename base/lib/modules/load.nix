# Modules as people write them (path, function, set, with or without `config`) to one plain shape,
# and the closure over `imports` with `disabledModules` taken out.
{ lib }:
let
  inherit (builtins)
    addErrorContext
    attrNames
    concatMap
    elem
    isAttrs
    isList
    isPath
    isString
    mapAttrs
    removeAttrs
    ;
  inherit (lib) concatStringsSep;

  # Attributes that a module with `config` or `options` may have.
  moduleAttributes = [
    "_class"
    "_file"
    "key"
    "disabledModules"
    "imports"
    "options"
    "config"
    "meta"
    "freeformType"
    "require"
  ];

  # Attributes that are not configuration in a module without them.
  shorthandAttributes = [
    "_class"
    "_file"
    "key"
    "disabledModules"
    "require"
    "imports"
    "freeformType"
  ];

  recursionHint = "if you get an infinite recursion here, a module decides by `config` what it imports or which options it has, or a definition needs its own value. Import unconditionally, put the condition into `lib.mkIf` around the definitions, and pass what `imports` needs by `specialArgs`";
in
rec {
  inherit recursionHint;

  # applyModuleArgs :: string -> function -> set -> module
  # Named arguments that `args` lacks come from the option `_module.args`, each only when it is used.
  applyModuleArgs =
    file: f: args:
    let
      missing = removeAttrs (lib.functionArgs f) (attrNames args);
      # The hint is about finding the arguments, not about evaluating the one.
      provided = addErrorContext recursionHint args.config._module.args;
      lookUp =
        name: _:
        addErrorContext "while evaluating the module argument `${name}' in \"${file}\":" (
          provided.${name}
            or (throw "The module in `${file}' asks for the argument `${name}', which nobody provides. Set `_module.args.${name}', or pass it in `specialArgs'.${providedArguments args}")
        );
    in
    if missing == { } then f args else f (args // mapAttrs lookUp missing);

  providedArguments =
    args:
    "\nProvided are: ${
      concatStringsSep ", " (attrNames (args.config._module.args // removeAttrs args [ "_prefix" ]))
    }.";

  # load :: set -> string -> string -> any -> { _file; key; disabledModules; imports; options; config; }
  load =
    args: fallbackFile: fallbackKey: m:
    if isAttrs m then
      if m ? _type then
        if m._type == "if" || m._type == "override" || m._type == "merge" then
          load args fallbackFile fallbackKey { config = m; }
        else
          throw (
            "Expected a module, but found a value of type ${lib.escapeNixString (toString m._type)}, while trying to load a module into ${fallbackFile}${
              lib.optionalString (args._prefix != [ ]) ", while trying to load a module into the option `${lib.showOption args._prefix}'"
            }."
            + lib.optionalString (m._type == "configuration")
              "\nIf you do intend to import this configuration, please only import the modules that make up the configuration.\nYou may have to create a `let` binding, file or attribute to give yourself access to the relevant modules.\nWhile loading a configuration into the module system is a very sensible idea, it can not be done cleanly in practice."
            + lib.optionalString (m._type == "flake")
              "\nA flake is not a module; import one of its outputs, as in `inputs.NAME.nixosModules.default'."
          )
      else if m ? __functor then
        normalise fallbackFile fallbackKey (
          addErrorContext "while evaluating the module in `${fallbackFile}':" (
            applyModuleArgs fallbackFile m args
          )
        )
      else
        normalise fallbackFile fallbackKey m
    else if isPath m || isString m then
      let
        file = toString m;
        value = import m;
        loaded = if builtins.isFunction value || value ? __functor then applyModuleArgs file value args else value;
      in
      if isString m && builtins.substring 0 1 m != "/" then
        throw "Module `${fallbackFile}' imports the string ${lib.escapeNixString m}, which is not a module. Write a path (./file.nix) or a string with an absolute path."
      else if isAttrs loaded && loaded ? _type then
        load args file file loaded
      else
        normalise file file (addErrorContext "while evaluating the module in `${file}':" loaded)
    else if lib.isFunction m then
      normalise fallbackFile fallbackKey (
        addErrorContext "while evaluating the module in `${fallbackFile}':" (
          applyModuleArgs fallbackFile m args
        )
      )
    else if isList m then
      throw "Module imports can't be nested lists. Perhaps you meant to remove one level of lists? Definitions: ${
        lib.showDefs [
          {
            file = fallbackFile;
            value = m;
          }
        ]
      }"
    else
      throw (notAModule fallbackFile fallbackKey m);

  # notAModule :: string -> string -> any -> string
  notAModule =
    file: key: m:
    "Module ${file} (${key}) does not look like a module. It must be a path, an attribute set, or a function that gives one, but is of type `${builtins.typeOf m}'.${
      lib.optionalString (lib.isFunction m)
        " It is a function in a function: does the file begin with `{ ... }: { ... }: ...'?"
    }";

  # normalise :: string -> string -> module set -> plain module
  normalise =
    file: key: m:
    let
      result =
        withFile: base:
        base
        // {
          _file = withFile;
          key = if m ? key then toString m.key else key;
          _class = m._class or null;
          disabledModules = m.disabledModules or [ ];
        };
      withFile = toString (m._file or file);
      freeform =
        config:
        if m ? freeformType then
          lib.mkMerge [
            config
            { _module.freeformType = m.freeformType; }
          ]
        else
          config;
    in
    if !isAttrs m then
      throw (notAModule file key m)
    else if m ? config || m ? options then
      let
        unknown = removeAttrs m moduleAttributes;
        withMeta =
          config:
          if m ? meta then
            lib.mkMerge [
              config
              { inherit (m) meta; }
            ]
          else
            config;
      in
      if unknown != { } then
        throw "Module `${withFile}' has an unsupported attribute `${builtins.head (attrNames unknown)}'. This is caused by introducing a top-level `config' or `options' attribute. Add configuration attributes immediately on the top level instead, or move all of them (namely: ${concatStringsSep " " (attrNames unknown)}) into the explicit `config' attribute."
      else
        result withFile {
          imports = m.require or [ ] ++ m.imports or [ ];
          options = m.options or { };
          config = freeform (withMeta (m.config or { }));
        }
    else
      result withFile {
        imports = m.require or [ ] ++ m.imports or [ ];
        options = { };
        config = freeform (removeAttrs m shorthandAttributes);
      };

  # collect :: { class; modulesPath; } -> [module] -> set -> [plain module]
  # Breadth first, each key once.
  collect =
    { class, modulesPath }:
    initial: args:
    let
      nodesOf =
        file: key: modules:
        lib.imap1 (
          n: m:
          let
            loaded = load args file "${key}:anon-${toString n}" m;
          in
          checked loaded {
            inherit (loaded) key;
            module = loaded;
            children =
              if loaded.imports == [ ] then
                [ ]
              else
                addErrorContext "while evaluating the imports of `${loaded._file}':" (
                  nodesOf loaded._file loaded.key loaded.imports
                );
          }
        ) modules;

      checked =
        m: value:
        if class == null || m._class == null || m._class == class then
          value
        else
          throw "The module `${m._file}` (class: ${lib.escapeNixString m._class}) cannot be imported into a module evaluation that expects class ${lib.escapeNixString class}.";

      roots = nodesOf lib.options.unknownModule "" initial;
      all = builtins.genericClosure {
        startSet = roots;
        operator = node: node.children;
      };

      disabledKeys = concatMap (
        node:
        let
          m = node.module;
        in
        if m.disabledModules == [ ] then [ ] else map (disabledKey m._file) m.disabledModules
      ) all;

      disabledKey =
        file: m:
        if isString m then
          if builtins.substring 0 1 m == "/" then m else toString modulesPath + "/" + m
        else if isPath m then
          toString m
        else if isAttrs m && m ? key then
          toString m.key
        else if isAttrs m then
          throw "Module `${file}' contains a disabledModules item that is an attribute set, presumably a module, that does not have a `key' attribute. The module system can not know which module it means; name the file or the key."
        else if lib.strings.isConvertibleWithToString m then
          toString m
        else
          throw "Each disabledModules item must be a path, string, or an attribute set with a key attribute, or a value supported by toString. However, one of the disabledModules items in ${file} is none of that, but is of type ${builtins.typeOf m}.";

      # The imports as a tree, for tools that show it.
      graphOf = node: {
        inherit (node) key;
        file = node.module._file;
        imports = map graphOf node.children;
        disabled = elem node.key disabledKeys;
      };

      enabled = builtins.filter (node: !elem node.key disabledKeys);
      closure =
        if disabledKeys == [ ] then
          all
        else
          builtins.genericClosure {
            startSet = enabled roots;
            operator = node: enabled node.children;
          };
    in
    {
      modules = map (node: node.module) closure;
      # Without the module system's own module, which comes last.
      graph = map graphOf (lib.init roots);
    };

  # importJSON, importTOML :: path -> module
  importJSON = file: {
    _file = file;
    config = lib.importJSON file;
  };
  importTOML = file: {
    _file = file;
    config = lib.importTOML file;
  };

  # setDefaultModuleLocation :: file -> module -> module
  # Errors in an anonymous module then name the file.
  setDefaultModuleLocation = file: m: {
    _file = file;
    imports = [ m ];
  };

  # importApply :: path -> a -> module
  # A file that is a function of `a` that gives a module.
  importApply = file: staticArg: setDefaultModuleLocation file (import file staticArg);
}
