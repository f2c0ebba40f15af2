# What the module system says when a configuration is wrong: what, where, and what to do.
{ lib }:
let
  inherit (builtins)
    addErrorContext
    attrNames
    concatMap
    filter
    head
    isAttrs
    isBool
    isInt
    isList
    isString
    length
    match
    stringLength
    typeOf
    ;
  inherit (lib) concatMapStringsSep concatStringsSep optionalString;
  inherit (lib.options) isOption showDefs showOption;
in
rec {
  # notASetForOption :: [string] -> file -> value -> string
  notASetForOption =
    prefix: file: value:
    if prefix == [ ] then
      "In module `${file}', you're trying to define a value of type `${typeOf value}'\nrather than an attribute set for the options of the configuration!"
    else
      ''
        In module `${file}', you're trying to define a value of type `${typeOf value}'
        rather than an attribute set for the option
        `${showOption prefix}'!

        This usually happens if `${showOption prefix}' has option
        definitions inside that are not matched. Please check how to properly define
        this option by e.g. referring to `man 5 configuration.nix'!
      '';

  # optionInConfig :: [string] -> file -> string
  optionInConfig =
    prefix: file:
    "In module `${file}', the definition of `${showOption prefix}' is an option declaration. It seems as if you're trying to declare an option by placing it into `config' rather than `options'!";

  # optionsNotASet :: [string] -> declaration -> string
  optionsNotASet =
    prefix: d:
    "In module `${d._file}': expected an option declaration at option path `${showOption prefix}' but got a value of type ${typeOf d.options}. Declare options with `lib.mkOption'.";

  # taggedSetInOptions :: [string] -> declaration -> string
  taggedSetInOptions =
    prefix: d:
    "In module ${d._file}: expected an option declaration at option path `${showOption prefix}` but got an attribute set with type ${d.options._type}${
      optionalString (
        d.options._type == "option-type"
      ) "\nA type alone is not an option; write `lib.mkOption { type = ...; }'."
    }";

  # optionHasNested :: [string] -> declaration -> [declaration] -> string
  optionHasNested =
    loc: option: sets:
    let
      type = option.options.type or null;
      describe =
        if type == null then
          "<no description>"
        else
          type.description or "<no description>";
      lines = concatMap (
        d:
        map (name: "\n  - option(s) with prefix `${showOption (loc ++ [ name ])}' in module `${d._file}'") (
          if isAttrs d.options then attrNames d.options else [ ]
        )
      ) sets;
    in
    "The option `${showOption loc}' in module `${option._file}' would be a parent of the following options, but its type `${describe}' does not support nested options.${concatStringsSep "" lines}";

  # alreadyDeclared :: [string] -> declaration -> { files; option; } -> string
  alreadyDeclared =
    loc: d: merged:
    "The option `${showOption loc}' in `${d._file}' is already declared in ${lib.options.showFiles merged.files}.${
      optionalString (merged.option ? type && d.options ? type && merged.option.type.typeMerge d.options.type.functor == null)
        "\nTheir types `${merged.option.type.description or merged.option.type.name}' and `${d.options.type.description or d.options.type.name}' cannot be joined."
    }";

  # readOnlySetTwice :: [string] -> [definition] -> string
  readOnlySetTwice =
    loc: defs:
    "The option `${showOption loc}' is read-only, but it's set multiple times. Definition values:${showDefs defs}";

  # noValue :: [string] -> type -> string
  noValue =
    loc: type:
    "The option `${showOption loc}' was accessed but has no value defined. Try setting the option.${
      optionalString (type ? description && type.name or "" != "unspecified") " It takes a value of type `${type.description}'."
    }";

  # typeMismatch :: [string] -> type -> [definition] -> string
  typeMismatch =
    loc: type: defs:
    "A definition for option `${showOption loc}' is not of type `${type.description}'. ${type.typeErrorDetail or ""}Definition values:${showDefs defs}${mismatchHint type (head defs).value}";

  # mismatchHint :: type -> value -> string
  # The slips that people make most, with what to write instead.
  mismatchHint =
    type: value:
    let
      name = type.name or "";
      wants = kind: name == kind || lib.hasPrefix kind name;
      number = isString value && match "-?[0-9]+" value != null;
      hint =
        if isString value && (value == "true" || value == "false") && wants "bool" then
          "write ${value} without quotes."
        else if number && (wants "int" || wants "unsignedInt" || wants "positiveInt" || wants "float") then
          "write ${value} without quotes."
        else if isInt value && (name == "str" || wants "string" || name == "separatedString") then
          "write \"${toString value}\" with quotes."
        else if isBool value && (name == "str" || wants "string" || name == "separatedString") then
          "write \"${lib.boolToString value}\" with quotes."
        else if name == "listOf" && !isList value then
          "put the value into a list: [ ... ]."
        else if isList value && length value == 1 && name != "listOf" then
          "the option takes a single value; remove the brackets."
        else if name == "enum" && isString value then
          let
            near = nearest value (filter isString (type.functor.payload.values or [ ]));
          in
          if near == [ ] then null else didYouMean (map (v: "\"${v}\"") near)
        else if isAttrs value && value ? _type && isOption value then
          "this is an option; use its value, config.${showOption (value.loc or [ "..." ])}."
        else if builtins.isFunction value && !wants "functionTo" then
          "this is a function; is an argument missing?"
        else
          null;
    in
    if hint == null then "" else "\nHint: ${hint}";

  # didYouMean :: [string] -> string
  didYouMean =
    candidates:
    let
      count = length candidates;
    in
    if count == 1 then
      "Did you mean ${head candidates}?"
    else
      "Did you mean ${concatStringsSep ", " (lib.init candidates)} or ${lib.last candidates}?";

  # nearest :: string -> [string] -> [string]
  # At most three, the nearest first, only those near enough to be a slip.
  nearest =
    word: candidates:
    let
      limit = lib.max 2 (stringLength word * 2 / 5);
      scored = concatMap (
        candidate:
        let
          difference = stringLength word - stringLength candidate;
          contained = stringLength word >= 3 && (lib.hasPrefix word candidate || lib.hasPrefix candidate word);
        in
        if contained || (difference <= limit && -difference <= limit) then
          let
            distance = lib.levenshtein word candidate;
          in
          if contained || distance <= limit then
            [
              {
                inherit candidate distance;
              }
            ]
          else
            [ ]
        else
          [ ]
      ) candidates;
    in
    map (s: s.candidate) (lib.take 3 (builtins.sort (a: b: a.distance < b.distance) scored));

  # Options that other flakes' modules declare, by their first part.
  comesWith = {
    age = "agenix.nixosModules.default";
    disko = "disko.nixosModules.disko";
    home-manager = "home-manager.nixosModules.home-manager";
    sops = "sops-nix.nixosModules.sops";
  };

  # unknownOptionMessage :: [string] -> option tree -> [{ file; value; prefix; }] -> string
  unknownOptionMessage =
    prefix: options: unmatched:
    let
      def = head unmatched;
      name = showOption def.prefix;
      # All definitions of the same unknown option, not of its neighbours.
      same = filter (d: d.prefix == def.prefix) unmatched;
      others = filter (d: d.prefix != def.prefix) unmatched;
      definitions =
        addErrorContext
          "while evaluating the error message for definitions for `${name}', which is an option that does not exist"
          (addErrorContext "while evaluating a definition from `${def.file}'" (showDefs same));
      otherNames = lib.unique (map (d: showOption d.prefix) others);
    in
    "The option `${name}' does not exist. Definition values:${definitions}${suggestions prefix options def}"
    + optionalString (otherNames != [ ])
      "\n\nThese options do not exist either: ${
        concatMapStringsSep ", " (n: "`${n}'") (lib.take 5 otherNames)
      }${optionalString (length otherNames > 5) " and ${toString (length otherNames - 5)} more"}."
    + optionalString (prefix == [ ] && comesWith ? ${head def.prefix} && !(options ? ${head def.prefix}))
      "\n\nThe options of `${head def.prefix}' come with a module that this host does not have: add ${
        comesWith.${head def.prefix}
      } to its modules."
    + optionalString (prefix == [ ] && options ? nixpkgs.hostPlatform)
      "\n\nOn the Debian base only the options that it carries out exist. If NixOS has this option, use `nixpkgs' as the base of this host instead.";

  # suggestions :: [string] -> option tree -> { prefix; value; } -> string
  suggestions =
    prefix: options: def:
    let
      path = lib.drop (length prefix) def.prefix;
      # The deepest level that exists.
      parentPath = lib.init path;
      parent = lib.attrByPath parentPath { } options;
      siblings = filter (n: n != "_module") (attrNames parent);
      wrong = lib.last path;
      full =
        n: "`${showOption (prefix ++ parentPath ++ [ n ] ++ below (parent.${n} or { }) (leafPath def.value))}'";
      # What the definition sets inside, as far as the candidate has it too.
      below =
        level: names:
        if names != [ ] && isAttrs level && !isOption level && level ? ${head names} then
          [ (head names) ] ++ below level.${head names} (builtins.tail names)
        else
          [ ];
      isLevel = n: !isOption parent.${n};
      near = nearest wrong siblings;
      # The definition may hold a set whose attributes exist as options elsewhere on this level.
      elsewhere =
        if near != [ ] then
          [ ]
        else
          lib.take 3 (
            concatMap (
              n: if isLevel n && parent.${n} ? ${wrong} then [ (showOption (prefix ++ parentPath ++ [ n wrong ])) ] else [ ]
            ) siblings
          );
    in
    if siblings == [ ] then
      "\n\nIt seems as if you're trying to declare an option by placing it into `config' rather than `options'!"
      + optionalString (prefix != [ ]) "\nThere are no options below `${showOption prefix}'. This can happen if you e.g. declared your options in `types.submodule' under `config' rather than `options'."
    else if isOptionInside def.value then
      "\n\nIt seems as if you're trying to declare an option by placing it into `config' rather than `options'!\nThis can happen if you e.g. declared your options in `types.submodule' under `config' rather than `options'."
    else if near != [ ] then
      "\n\n${didYouMean (map full near)}"
    else if elsewhere != [ ] then
      "\n\n${didYouMean (map (n: "`${n}'") elsewhere)}"
    else if length siblings <= 12 then
      "\n\nThe options of this level are: ${concatMapStringsSep ", " full siblings}."
    else
      "";

  # leafPath :: any -> [string]
  # The names down to the first value that is no set with a single attribute.
  leafPath =
    value:
    let
      content =
        builtins.tryEval (
          if isAttrs value && !(value ? _type) && length (attrNames value) == 1 then attrNames value else [ ]
        );
      name = head content.value;
    in
    if content.success && content.value != [ ] then [ name ] ++ leafPath value.${name} else [ ];

  # isOptionInside :: any -> bool
  isOptionInside =
    value:
    let
      evaluated = builtins.tryEval (isAttrs value && (value._type or "" == "option"));
    in
    evaluated.success && evaluated.value;
}
