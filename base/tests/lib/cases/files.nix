{ lib }:
let
  tree = ../data/tree;
  inherit (lib) fileset path;
  names = set: map (file: lib.removePrefix (toString tree + "/") (toString file)) (fileset.toList set);
  # What of the root a source takes along, by its filter: nothing is copied to a store.
  read =
    source:
    let
      entries = builtins.readDir source.origSrc;
    in
    builtins.filter (name: source.filter (toString source.origSrc + "/${name}") entries.${name}) (
      lib.attrNames entries
    );
in
{
  testFilesystem = {
    expr = [
      (lib.pathIsDirectory tree)
      (lib.pathIsRegularFile tree)
      (lib.pathType (tree + "/a.txt"))
      (map (f: baseNameOf f) (lib.filesystem.listFilesRecursive tree))
    ];
    expected = [ true false "regular" [ "a.txt" "b.nix" "c.txt" ] ];
  };
  testFilesets = {
    expr = [
      (names tree)
      (names (fileset.unions [ (tree + "/a.txt") (tree + "/sub") ]))
      (names (fileset.difference tree (tree + "/sub")))
      (names (fileset.intersection tree (tree + "/b.nix")))
      (names (fileset.fileFilter (file: file.hasExt "txt") tree))
      (names (fileset.maybeMissing (tree + "/missing")))
    ];
    expected = [
      [ "a.txt" "b.nix" "sub/c.txt" ]
      [ "a.txt" "sub/c.txt" ]
      [ "a.txt" "b.nix" ]
      [ "b.nix" ]
      [ "a.txt" "sub/c.txt" ]
      [ ]
    ];
  };
  testSources = {
    expr = [
      (read (lib.sourceByRegex tree [ "a.*" ]))
      (read (lib.sourceFilesBySuffices tree [ ".nix" ]))
      (read (
        lib.cleanSourceWith {
          src = lib.sourceByRegex tree [ ".*\\.txt" "sub.*" ];
          filter = name: _: baseNameOf name != "a.txt";
        }
      ))
      (read (fileset.toSource { root = tree; fileset = tree + "/sub"; }))
    ];
    expected = [
      [ "a.txt" ]
      [ "b.nix" "sub" ]
      [ "sub" ]
      [ "sub" ]
    ];
  };
  testCleanSourceFilter = {
    expr = map (file: lib.cleanSourceFilter file.name file.type) [
      { name = "/x/.git"; type = "directory"; }
      { name = "/x/a~"; type = "regular"; }
      { name = "/x/result"; type = "symlink"; }
      { name = "/x/main.c"; type = "regular"; }
    ];
    expected = [ false false false true ];
  };
  testAppend = {
    expr = [
      (toString (path.append /a "./b//c"))
      (builtins.tryEval (path.append /a "../b")).success
    ];
    expected = [ "/a/b/c" false ];
  };
  testSubpaths = {
    expr = [
      (path.subpath.isValid "./a/b")
      (path.subpath.isValid "../a")
      (path.subpath.isValid "/a")
      (path.subpath.normalise "a//b/./c/")
      (path.subpath.join [ "a" "./b/c" ])
      (path.hasPrefix /a /a/b)
      (path.hasPrefix /a /ab)
      (path.removePrefix /a /a/b/c)
    ];
    expected = [ true false false "./a/b/c" "./a/b/c" true false "./b/c" ];
  };
}
