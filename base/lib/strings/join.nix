# Strings put together out of lists.
{ lib }:
let
  inherit (builtins) concatStringsSep map stringLength;
in
rec {
  inherit (builtins) concatStringsSep;

  # concatStrings :: [string] -> string
  concatStrings = concatStringsSep "";

  # concatMapStrings :: (a -> string) -> [a] -> string
  concatMapStrings = f: list: concatStringsSep "" (map f list);

  # concatImapStrings :: (int -> a -> string) -> [a] -> string
  # Positions count from 1.
  concatImapStrings = f: list: concatStringsSep "" (lib.imap1 f list);

  # intersperse :: a -> [a] -> [a]
  intersperse =
    separator: list:
    if list == [ ] then
      [ ]
    else
      lib.drop 1 (
        builtins.concatMap (x: [
          separator
          x
        ]) list
      );

  # concatMapStringsSep :: string -> (a -> string) -> [a] -> string
  concatMapStringsSep =
    separator: f: list:
    concatStringsSep separator (map f list);

  # concatImapStringsSep :: string -> (int -> a -> string) -> [a] -> string
  concatImapStringsSep =
    separator: f: list:
    concatStringsSep separator (lib.imap1 f list);

  # concatMapAttrsStringSep :: string -> (string -> a -> string) -> set -> string
  concatMapAttrsStringSep =
    separator: f: set:
    concatStringsSep separator (lib.mapAttrsToList f set);

  # concatLines :: [string] -> string
  # Every line ends in a newline, the last one too.
  concatLines = concatMapStrings (line: line + "\n");

  # replicate, repeat :: int -> string -> string
  replicate = n: text: concatStringsSep "" (lib.lists.replicate n text);

  # optionalString :: bool -> string -> string
  optionalString = condition: text: if condition then text else "";

  # join :: string -> [string] -> string
  join = concatStringsSep;

  # makeSearchPath :: string -> [path] -> string
  # `makeSearchPath "bin" [ "/root" "/usr" ]` is "/root/bin:/usr/bin".
  makeSearchPath =
    subDir: paths:
    concatStringsSep ":" (map (path: path + "/" + subDir) (builtins.filter (x: x != null) paths));

  # makeSearchPathOutput :: string -> string -> [package] -> string
  makeSearchPathOutput =
    output: subDir: packages:
    makeSearchPath subDir (map (lib.getOutput output) packages);

  makeLibraryPath = makeSearchPathOutput "lib" "lib";
  makeIncludePath = makeSearchPathOutput "dev" "include";
  makeBinPath = makeSearchPathOutput "bin" "bin";

  # fixedWidthString :: int -> string -> string -> string
  # Filled up on the left; longer text is an error.
  fixedWidthString =
    width: filler: text:
    let
      textWidth = stringLength text;
      missing = width - textWidth;
      fillerWidth = stringLength filler;
    in
    assert lib.assertMsg (textWidth <= width)
      "fixedWidthString: requested string length (${toString width}) must not be shorter than actual length (${toString textWidth})";
    if missing == 0 then
      text
    else
      builtins.substring 0 missing (replicate ((missing + fillerWidth - 1) / fillerWidth) filler) + text;

  # fixedWidthNumber :: int -> int -> string
  # Filled up with zeros.
  fixedWidthNumber = width: n: fixedWidthString width "0" (toString n);
}
