# Strings made safe for a shell, a URL, XML, a regular expression, Nix.
{ lib }:
let
  inherit (builtins)
    attrNames
    isAttrs
    isList
    isString
    match
    replaceStrings
    toJSON
    ;
  inherit (lib.strings) concatMapStringsSep concatStringsSep stringToCharacters;
in
rec {
  # escape :: [string] -> string -> string
  # A backslash before each of these characters.
  escape = characters: replaceStrings characters (map (c: "\\" + c) characters);

  # escapeC :: [string] -> string -> string
  # As `\xNN`.
  escapeC =
    characters:
    replaceStrings characters (
      map (c: "\\x${lib.fixedWidthString 2 "0" (lib.toLower (lib.toHexString (lib.charToInt c)))}") characters
    );

  # escapeURL :: string -> string
  # Percent-encodes what RFC 3986, section 2.3 does not list as unreserved.
  escapeURL =
    let
      unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
      table = import ./ascii-table.nix;
      reserved = builtins.filter (c: !builtins.elem c (stringToCharacters unreserved)) (attrNames table);
    in
    replaceStrings reserved (
      map (c: "%" + lib.fixedWidthString 2 "0" (lib.toHexString table.${c})) reserved
    );

  # escapeShellArg :: string -> string
  # Quoted only where a shell would need it.
  escapeShellArg =
    argument:
    let
      text = toString argument;
    in
    if match "[[:alnum:],._+:@%/-]+" text == null then
      "'${replaceStrings [ "'" ] [ "'\\''" ] text}'"
    else
      text;

  # escapeShellArgs :: [string] -> string
  escapeShellArgs = concatMapStringsSep " " escapeShellArg;

  # isValidPosixName :: string -> bool
  isValidPosixName = name: match "[a-zA-Z_][a-zA-Z0-9_]*" name != null;

  # toShellVar :: string -> (string | [string] | set) -> string
  # An assignment; lists become arrays and sets associative arrays (Bash).
  toShellVar =
    name: value:
    lib.throwIfNot (isValidPosixName name) "toShellVar: ${name} is not a valid shell variable name" (
      if isAttrs value && !lib.isStringLike value then
        "declare -A ${name}=(${
          concatStringsSep " " (lib.mapAttrsToList (n: v: "[${escapeShellArg n}]=${escapeShellArg v}") value)
        })"
      else if isList value then
        "declare -a ${name}=(${escapeShellArgs value})"
      else
        "${name}=${escapeShellArg value}"
    );

  # toShellVars :: set -> string
  toShellVars = vars: concatStringsSep "\n" (lib.mapAttrsToList toShellVar vars);

  # escapeNixString :: string -> string
  escapeNixString = text: escape [ "$" ] (toJSON text);

  # escapeRegex :: string -> string
  escapeRegex = escape (stringToCharacters "\\[{()^$?*+|.");

  # escapeNixIdentifier :: string -> string
  # Quoted unless it can stand bare as an attribute name.
  escapeNixIdentifier =
    let
      keywords = [
        "assert"
        "else"
        "if"
        "in"
        "inherit"
        "let"
        "or"
        "rec"
        "then"
        "with"
      ];
    in
    name:
    if match "[a-zA-Z_][a-zA-Z0-9_'-]*" name != null && !builtins.elem name keywords then
      name
    else
      escapeNixString name;

  # escapeXML :: string -> string
  escapeXML =
    replaceStrings
      [
        "\""
        "'"
        "<"
        ">"
        "&"
      ]
      [
        "&quot;"
        "&apos;"
        "&lt;"
        "&gt;"
        "&amp;"
      ];

  # escapeSystemdPath :: string -> string
  # A path as systemd.unit(5) writes it in unit names.
  escapeSystemdPath =
    path:
    let
      keep = stringToCharacters "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:_.";
      parts = builtins.filter (p: isString p && p != "") (builtins.split "/" path);
      plain = concatStringsSep "/" parts;
      escapeCharacter =
        i: c:
        if c == "/" then
          "-"
        else if (c == "." && i == 0) || !builtins.elem c keep then
          escapeC [ c ] c
        else
          c;
    in
    if plain == "" then
      "-"
    else
      lib.concatStrings (lib.imap0 escapeCharacter (stringToCharacters plain));
}
