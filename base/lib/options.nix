# Options: declarations, and how they and their definitions are shown.
{ lib }:
let
  inherit (builtins)
    all
    catAttrs
    concatLists
    concatMap
    foldl'
    head
    isAttrs
    isBool
    isFunction
    isInt
    isList
    isString
    length
    tail
    ;
  inherit (lib)
    concatMapStrings
    concatStringsSep
    optionalAttrs
    optionalString
    types
    ;
in
rec {
  # What stands for the file of a module that has none.
  unknownModule = "<unknown-file>";

  # isOption :: any -> bool
  isOption = value: value._type or null == "option";

  # mkOption :: { default; defaultText; example; description; type; apply; internal; visible; readOnly; relatedPackages; } -> option
  # All attributes are optional.
  mkOption =
    {
      default ? null,
      defaultText ? null,
      example ? null,
      description ? null,
      relatedPackages ? null,
      type ? null,
      apply ? null,
      internal ? null,
      visible ? null,
      readOnly ? null,
    }@attributes:
    attributes // { _type = "option"; };

  # mkEnableOption :: string -> option
  mkEnableOption =
    name:
    mkOption {
      default = false;
      example = true;
      description =
        if name ? _type && name._type == "mdDoc" then
          lib.mdDoc "Whether to enable ${name.text}."
        else
          "Whether to enable ${name}.";
      type = types.bool;
    };

  # mkPackageOption :: pkgs -> (string | [string]) -> { nullable; default; example; extraDescription; pkgsText; } -> option
  mkPackageOption =
    pkgs: name:
    {
      nullable ? false,
      default ? name,
      example ? null,
      extraDescription ? "",
      pkgsText ? "pkgs",
    }:
    let
      namePath = lib.toList name;
      nameText = concatStringsSep "." namePath;
      isDefined = default != null;
      defaultPath = lib.toList default;
      textOf = path: concatStringsSep "." ([ pkgsText ] ++ map lib.escapeNixIdentifier path);
      defaultValue = lib.attrByPath defaultPath (throw "${textOf defaultPath} cannot be found in ${pkgsText}") pkgs;
    in
    mkOption (
      {
        type = if nullable then types.nullOr types.package else types.package;
        description = "The ${nameText} package to use.${optionalString (extraDescription != "") " ${extraDescription}"}";
      }
      // optionalAttrs isDefined {
        default = defaultValue;
        defaultText = literalExpression (textOf defaultPath);
      }
      // optionalAttrs (!isDefined && nullable) { default = null; }
      // optionalAttrs (example != null) {
        example = literalExpression (if isList example then textOf example else example);
      }
    );
  mkPackageOptionMD = mkPackageOption;

  # mkSinkUndeclaredOptions :: set -> option
  # Swallows definitions whose value nobody needs.
  mkSinkUndeclaredOptions =
    attributes:
    mkOption (
      {
        internal = true;
        visible = false;
        default = false;
        description = "Sink for option definitions.";
        type = lib.mkOptionType {
          name = "sink";
          check = _: true;
          merge = _: _: false;
        };
        apply = _: throw "Option value is not readable because the option is not declared.";
      }
      // attributes
    );

  # mergeDefaultOption :: [string] -> [definition] -> value
  # For options without a type.
  mergeDefaultOption =
    loc: defs:
    let
      values = getValues defs;
    in
    if length values == 1 then
      head values
    else if all isFunction values then
      x: mergeDefaultOption loc (map (def: def // { value = def.value x; }) defs)
    else if all isList values then
      concatLists values
    else if all isAttrs values then
      lib.mergeAttrsList values
    else if all isBool values then
      foldl' lib.or false values
    else if all isString values then
      lib.concatStrings values
    else if all isInt values && all (v: v == head values) values then
      head values
    else
      throw "Cannot merge definitions of `${showOption loc}'. Definition values:${showDefs defs}";

  # mergeUniqueOption :: { message; merge; } -> [string] -> [definition] -> value
  mergeUniqueOption =
    args:
    let
      merge =
        if args ? merge && args.merge != null then
          args.merge
        else
          loc: defs: (head defs).value;
    in
    loc: defs:
    if length defs == 1 then
      merge loc defs
    else
      throw "The option `${showOption loc}' is defined multiple times while it's expected to be unique.${
        optionalString (args.message or "" != "") "\n${args.message}"
      }\nDefinition values:${showDefs defs}\n${priorityHint}";

  # mergeOneOption :: [string] -> [definition] -> value
  mergeOneOption = mergeUniqueOption { message = ""; };

  # mergeEqualOption :: [string] -> [definition] -> value
  mergeEqualOption =
    loc: defs:
    let
      first = head defs;
    in
    if defs == [ ] then
      abort "This case should never happen."
    else if tail defs == [ ] then
      first.value
    else
      (foldl' (
        kept: def:
        if def.value != kept.value then
          throw "The option `${showOption loc}' has conflicting definition values:${
            showDefs [
              kept
              def
            ]
          }\n${priorityHint}"
        else
          kept
      ) first (tail defs)).value;

  priorityHint = "Use `lib.mkForce value` or `lib.mkDefault value` to change the priority on any of these definitions.";

  # getValues, getFiles :: [definition] -> [a]
  getValues = catAttrs "value";
  getFiles = catAttrs "file";

  # literalExpression :: string -> literal
  # Nix code shown as it is, for defaults and examples.
  literalExpression =
    text:
    if !isString text then
      throw "literalExpression expects a string."
    else
      {
        _type = "literalExpression";
        inherit text;
      };
  literalExample = literalExpression;

  # literalCodeBlock :: { languageTag; content; } -> literal
  literalCodeBlock =
    {
      languageTag ? "",
      content,
    }:
    literalMD "```${languageTag}\n${content}\n```";

  # literalMD :: string -> literal
  literalMD =
    text:
    if !isString text then
      throw "literalMD expects a string."
    else
      {
        _type = "literalMD";
        inherit text;
      };

  # mdDoc :: string -> string
  # Descriptions are Markdown anyway.
  mdDoc = text: text;

  # renderOptionValue :: any -> literal
  renderOptionValue =
    value:
    if value ? _type && value ? text then
      value
    else
      literalExpression (
        lib.generators.toPretty {
          multiline = true;
          allowPrettyValues = true;
        } value
      );

  # scrubOptionValue :: any -> any
  # Derivations become their names, so that documentation does not build them.
  scrubOptionValue =
    value:
    if lib.isDerivation value then
      value
      // {
        outPath = "‹${value.name or "derivation"}›";
      }
    else if isList value then
      map scrubOptionValue value
    else if isAttrs value then
      builtins.mapAttrs (_: scrubOptionValue) (removeAttrs value [ "_args" ])
    else
      value;

  # optionAttrSetToDocList :: option tree -> [documentation record]
  # Every option, also of submodules, as a record for a reference.
  optionAttrSetToDocList = optionAttrSetToDocList' [ ];
  optionAttrSetToDocList' =
    _: options:
    concatMap (
      option:
      let
        name = showOption option.loc;
        record = {
          inherit (option) loc;
          inherit name;
          description = option.description or null;
          declarations = builtins.filter (x: x != unknownModule) option.declarations;
          internal = option.internal or false;
          # "shallow": without what is below; "transparent": only what is below.
          visible =
            let
              given = option.visible or true;
            in
            if isString given then given != "transparent" else given;
          readOnly = option.readOnly or false;
          type = option.type.description or "unspecified";
        }
        // optionalAttrs (option ? example) {
          example = builtins.addErrorContext "while evaluating the example of option `${name}'" (
            renderOptionValue option.example
          );
        }
        // optionalAttrs (!option ? defaultText && !option ? default && hasEmptyValue) {
          default = renderOptionValue option.type.emptyValue.value;
        }
        // optionalAttrs (option ? defaultText || option ? default) {
          default = builtins.addErrorContext "while evaluating the ${
            if option ? defaultText then "defaultText" else "default value"
          } of option `${name}'" (renderOptionValue (option.defaultText or option.default));
        }
        // optionalAttrs (option ? relatedPackages && option.relatedPackages != null) {
          inherit (option) relatedPackages;
        };
        below = option.type.getSubOptions option.loc;
        showBelow = (option.visible or true) != "shallow" && (option.visible or true) != false && below != { };
        # Of a submodule it is a whole configuration.
        hasEmptyValue = option.type.emptyValue or { } ? value && option.type.name != "submodule";
      in
      [ record ]
      ++ lib.optionals showBelow (optionAttrSetToDocList' option.loc below)
    ) (lib.collect isOption options);

  # showOption :: [string] -> string
  # As one would write it; placeholders such as <name> stay bare.
  showOption =
    let
      part =
        p:
        if builtins.match "<.*>|\\*" p != null || builtins.substring 0 1 p == "‹" then
          p
        else
          lib.escapeNixIdentifier p;
    in
    parts: lib.concatMapStringsSep "." part parts;

  # showFiles :: [file] -> string
  showFiles = files: lib.concatMapStringsSep " and " (f: "`${toString f}'") files;

  # showDefinitionFile :: definition -> string
  # With the line, where the file that the module names is the one that holds the attribute.
  showDefinitionFile =
    def:
    if
      def.pos or null != null
      && (
        def.pos.file == toString def.file
        # Sets that functions of the library put together have their place there.
        || (def.file == unknownModule && !lib.hasPrefix (toString ./.) def.pos.file)
      )
    then
      "${def.pos.file}:${toString def.pos.line}"
    else
      toString def.file;

  # showDefs :: [definition] -> string
  # One line of file and value each, long values cut.
  showDefs =
    defs:
    concatMapStrings (
      def:
      let
        text = lib.generators.toPretty { } (
          lib.generators.withRecursion {
            depthLimit = 10;
            throwOnDepthLimit = false;
          } def.value
        );
        lines = lib.splitString "\n" text;
        shown = lib.take 5 lines ++ lib.optional (length lines > 5) "...";
        evaluated = builtins.tryEval (concatStringsSep "\n    " shown);
      in
      "\n- In `${showDefinitionFile def}'${
        if evaluated.success then
          (if length shown > 1 then ":\n    " else ": ") + evaluated.value
        else
          ""
      }"
    ) defs;

  # showOptionWithDefLocs :: option -> string
  showOptionWithDefLocs = option: ''
    ${showOption option.loc}, with values defined in:
    ${lib.concatMapStringsSep "\n" (file: "  - ${toString file}") option.files}
  '';
}
