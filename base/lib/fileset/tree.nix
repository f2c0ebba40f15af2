# Trees of files: null is nothing, true is everything, a set holds trees by name.
{ lib }:
let
  inherit (builtins)
    attrNames
    concatMap
    isAttrs
    mapAttrs
    readDir
    ;
in
rec {
  # commonBase :: path -> path -> path
  commonBase =
    a: b:
    if lib.path.hasPrefix a b then
      a
    else if a == dirOf a then
      throw "lib.fileset: the file systems of ${toString a} and ${toString b} have nothing in common"
    else
      commonBase (dirOf a) b;

  # lift :: path -> path -> tree -> tree
  # The tree at `base` as seen from a folder above it.
  lift =
    above: base: files:
    lib.setAttrByPath (lib.path.subpath.components (lib.path.removePrefix above base)) files;

  # only :: path -> path -> tree -> tree
  # The part of the tree at `base` that lies below `root`, given that nothing lies outside.
  only =
    root: base: files:
    let
      go =
        path: value:
        if path == [ ] || value == null then
          value
        else if value == true then
          throw "lib.fileset.toSource: `fileset` could contain files in ${toString base}, which is not under the `root` (${toString root}).\n    - Set `root` to ${toString base} or any directory higher up."
        else if lib.any (name: name != builtins.head path && value.${name} != null) (attrNames value) then
          throw "lib.fileset.toSource: `fileset` could contain files in ${toString base}, which is not under the `root` (${toString root})."
        else
          go (builtins.tail path) (value.${builtins.head path} or null);
    in
    go (lib.path.subpath.components (lib.path.removePrefix base root)) files;

  # at :: tree -> [string] -> tree
  at =
    files: path:
    if path == [ ] || files == null || files == true then
      files
    else
      at (files.${builtins.head path} or null) (builtins.tail path);

  # union, intersection :: tree -> tree -> tree
  union =
    a: b:
    if a == true || b == null then
      a
    else if b == true || a == null then
      b
    else
      a // b // mapAttrs (name: value: union value b.${name}) (builtins.intersectAttrs b a);

  intersection =
    a: b:
    if a == true then
      b
    else if b == true then
      a
    else if a == null || b == null then
      null
    else
      mapAttrs (name: value: intersection value b.${name}) (builtins.intersectAttrs b a);

  # difference :: path -> tree -> tree -> tree
  # Reads a folder where only a part of everything is taken away.
  difference =
    base: a: b:
    if a == null || b == true then
      null
    else if b == null then
      a
    else
      mapAttrs (name: value: difference (base + "/${name}") value (b.${name} or null)) (
        if a == true then everything base else a
      );

  # everything :: path -> { name = true; }
  everything = path: mapAttrs (_: _: true) (readDir path);

  # hasFiles :: path -> tree -> bool
  # Empty folders do not count.
  hasFiles =
    path: files:
    if files == null then
      false
    else
      let
        entries = readDir path;
      in
      lib.any (
        name:
        let
          child = if files == true then true else files.${name} or null;
        in
        child != null
        && (if entries.${name} == "directory" then hasFiles (path + "/${name}") child else child == true)
      ) (attrNames entries);

  # files :: path -> tree -> [path]
  files =
    path: value:
    if value == null then
      [ ]
    else
      let
        entries = readDir path;
        chosen = if isAttrs value then builtins.intersectAttrs value entries else entries;
      in
      concatMap (
        name:
        let
          child = if value == true then true else value.${name};
        in
        if child == null then
          [ ]
        else if entries.${name} == "directory" then
          files (path + "/${name}") child
        else if child == true then
          [ (path + "/${name}") ]
        else
          [ ]
      ) (attrNames chosen);
}
