# Strings, by what is done with them.
{ lib }:
import ./join.nix { inherit lib; }
// import ./parts.nix { inherit lib; }
// import ./escape.nix { inherit lib; }
// import ./convert.nix { inherit lib; }
// import ./names.nix { inherit lib; }
// import ./distance.nix { inherit lib; }
// {
  inherit (builtins)
    appendContext
    getContext
    hasContext
    compareVersions
    elem
    elemAt
    filter
    fromJSON
    genList
    head
    isInt
    isList
    isAttrs
    isPath
    isString
    match
    parseDrvName
    readFile
    replaceStrings
    split
    storeDir
    stringLength
    substring
    tail
    toJSON
    typeOf
    unsafeDiscardStringContext
    ;
}
