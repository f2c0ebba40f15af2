# Names and versions of packages, and store paths.
{ lib }:
let
  inherit (builtins) match substring stringLength;
in
rec {
  # getName, getVersion :: (string | derivation) -> string
  getName =
    package:
    if builtins.isString package then
      (builtins.parseDrvName package).name
    else
      package.pname or (builtins.parseDrvName package.name).name;
  getVersion =
    package:
    if builtins.isString package then
      (builtins.parseDrvName package).version
    else
      package.version or (builtins.parseDrvName package.name).version;

  # nameFromURL :: string -> string -> string
  nameFromURL =
    url: separator:
    let
      file = lib.last (lib.splitString "/" url);
      name = builtins.head (lib.splitString separator file);
    in
    assert name != file;
    name;

  # versionOlder, versionAtLeast :: string -> string -> bool
  # `versionOlder a b`: a is older than b.
  versionOlder = a: b: builtins.compareVersions b a == 1;
  versionAtLeast = a: b: !versionOlder a b;

  # sanitizeDerivationName :: string -> string
  # A name that the store accepts: bad characters become "-", at most 207 long.
  sanitizeDerivationName =
    name:
    let
      text = builtins.unsafeDiscardStringContext (toString name);
      undotted = builtins.elemAt (match "\\.*(.*)" text) 0;
      replaced = lib.concatMapStrings (part: if builtins.isList part then "-" else part) (
        builtins.split "[^[:alnum:]+._?=-]+" undotted
      );
      cut = substring (lib.max (stringLength replaced - 207) 0) (-1) replaced;
    in
    # The common case needs no regular expression over the whole name.
    if stringLength text <= 207 && match "[[:alnum:]+_?=-][[:alnum:]+._?=-]*" text != null then
      text
    else if cut == "" then
      "unknown"
    else
      cut;

  # isStorePath :: any -> bool
  # A direct child of the store.
  isStorePath =
    value:
    if lib.isStringLike value then
      let
        text = toString value;
      in
      substring 0 1 text == "/"
      && (
        dirOf text == builtins.storeDir
        # Content-addressed derivations stand in as placeholders until built.
        || match "/[0-9a-df-np-sv-z]{52}" text != null
      )
    else
      false;
}
