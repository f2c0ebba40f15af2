# Strings taken apart: prefixes, suffixes, pieces, white space.
{ lib }:
let
  inherit (builtins)
    concatStringsSep
    elemAt
    filter
    genList
    isString
    match
    stringLength
    substring
    ;
  asciiTable = import ./ascii-table.nix;
in
rec {
  # hasPrefix, hasSuffix :: string -> string -> bool
  hasPrefix =
    prefix: text:
    lib.warnIf (builtins.isPath prefix)
      "lib.strings.hasPrefix: the first argument (${toString prefix}) is a path, which never is a prefix of a string; use lib.path.hasPrefix"
      (substring 0 (stringLength prefix) text == prefix);

  hasSuffix =
    suffix: text:
    let
      textLength = stringLength text;
      suffixLength = stringLength suffix;
    in
    lib.warnIf (builtins.isPath suffix)
      "lib.strings.hasSuffix: the first argument (${toString suffix}) is a path, which never is a suffix of a string"
      (textLength >= suffixLength && substring (textLength - suffixLength) textLength text == suffix);

  # hasInfix :: string -> string -> bool
  hasInfix =
    infix: text:
    lib.warnIf (builtins.isPath infix)
      "lib.strings.hasInfix: the first argument (${toString infix}) is a path, which never is inside a string"
      (
        builtins.replaceStrings [ "${infix}" ] [ "" ] "${text}" != "${text}" || infix == ""
      );

  # removePrefix, removeSuffix :: string -> string -> string
  removePrefix =
    prefix: text:
    let
      prefixLength = stringLength prefix;
    in
    if substring 0 prefixLength text == prefix then substring prefixLength (-1) text else text;

  removeSuffix =
    suffix: text:
    let
      kept = stringLength text - stringLength suffix;
    in
    if kept >= 0 && substring kept (-1) text == suffix then substring 0 kept text else text;

  # splitString :: string -> string -> [string]
  # Each part has the context of the whole.
  splitString =
    separator: text:
    map (lib.addContextFrom text) (
      filter isString (builtins.split (lib.escapeRegex (toString separator)) (toString text))
    );

  # splitStringBy :: (string -> string -> bool) -> bool -> string -> [string]
  # Splits where the predicate holds of the character before and the character itself.
  splitStringBy =
    predicate: keepSplit: text:
    let
      characters = stringToCharacters text;
      go =
        state: character:
        if predicate state.previous character then
          {
            previous = character;
            done = state.done ++ [ state.current ];
            current = if keepSplit then character else "";
          }
        else
          {
            previous = character;
            inherit (state) done;
            current = state.current + character;
          };
      result = builtins.foldl' go {
        previous = "";
        done = [ ];
        current = "";
      } characters;
    in
    if text == "" then [ "" ] else result.done ++ [ result.current ];

  # stringToCharacters :: string -> [string]
  stringToCharacters = text: genList (i: substring i 1 text) (stringLength text);

  # stringAsChars :: (string -> string) -> string -> string
  stringAsChars = f: text: concatStringsSep "" (map f (stringToCharacters text));

  # charToInt :: string -> int
  charToInt = c: asciiTable.${c};

  # trim, trimWith :: string -> string
  # Without white space (space, tab, newline, return) at both ends.
  trim = trimWith {
    start = true;
    end = true;
  };
  trimWith =
    {
      start ? false,
      end ? false,
    }:
    let
      blank = " \t\r\n";
      expression =
        if start && end then
          "[${blank}]*(.*[^${blank}])[${blank}]*"
        else if start then
          "[${blank}]*(.*)"
        else if end then
          "(.*[^${blank}])[${blank}]*"
        else
          "(.*)";
    in
    text:
    let
      found = match expression text;
    in
    if found == null then "" else elemAt found 0;

  # commonPrefixLength, commonSuffixLength :: string -> string -> int
  commonPrefixLength =
    a: b:
    let
      limit = lib.min (stringLength a) (stringLength b);
      go = i: if i < limit && substring i 1 a == substring i 1 b then go (i + 1) else i;
    in
    go 0;

  commonSuffixLength =
    a: b:
    let
      aLength = stringLength a;
      bLength = stringLength b;
      limit = lib.min aLength bLength;
      go =
        i:
        if i < limit && substring (aLength - i - 1) 1 a == substring (bLength - i - 1) 1 b then
          go (i + 1)
        else
          i;
    in
    go 0;

  # fileContents :: path -> string
  # Without a newline at the end.
  fileContents = file: removeSuffix "\n" (builtins.readFile file);

  # normalizePath :: string -> string
  # Without repeated slashes.
  normalizePath =
    path:
    builtins.foldl' (
      text: character: if character == "/" && hasSuffix "/" text then text else text + character
    ) "" (stringToCharacters path);

  # addContextFrom :: string -> string -> string
  # The second string, depending on what the first depends on.
  addContextFrom = source: target: substring 0 0 source + target;
}
