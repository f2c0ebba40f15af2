# Version numbers.
{ lib }:
rec {
  # splitVersion :: string -> [string]
  splitVersion = builtins.splitVersion;

  # major, minor, patch :: string -> string
  major = version: builtins.elemAt (splitVersion version) 0;
  minor = version: builtins.elemAt (splitVersion version) 1;
  patch = version: builtins.elemAt (splitVersion version) 2;

  # majorMinor :: string -> string
  majorMinor = version: lib.concatStringsSep "." (lib.take 2 (splitVersion version));

  # pad :: int -> string -> string
  # Exactly so many parts, zeros for missing ones; what follows "-" stays.
  pad =
    count: version:
    let
      whole = lib.splitString "-" version;
      numbers = lib.splitString "." (builtins.head whole);
      suffix = lib.concatMapStrings (part: "-" + part) (builtins.tail whole);
    in
    lib.concatStringsSep "." (lib.take count (numbers ++ lib.replicate count "0")) + suffix;
}
