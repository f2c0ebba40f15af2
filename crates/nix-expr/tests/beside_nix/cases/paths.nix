# Paths and files; `./tree` beside this file is what they look at.
with builtins;
{
  literals = map toString [ /a /a/b /a/../b /a/./b /. /a/b/.. ];
  sums = [ (toString (/a + "/b")) (toString (/a + "b")) (toString (/a/b + "/../c")) (typeOf (/a + "b")) (toString (/. + "a")) ];
  interpolated = let x = "x"; in map toString [ /a/${x} /a/${x}b/c /a${x} ];
  relative = map (p: baseNameOf p) [ ./tree tree/file ./tree/../tree/file ./. ];
  exist = map pathExists [ ./tree ./tree/file ./tree/none ./tree/link ./tree/dangling (./tree + "/file/x") ];
  directory = readDir ./tree;
  contents = [ (readFile ./tree/file) (readFile ./tree/link) ];
  hashes = [ (hashFile "sha256" ./tree/file) (hashFile "md5" ./tree/file) ];
  copied = map (p: "${p}") [ ./tree ./tree/file ./tree/link ./tree/executable ];
  named = path { path = ./tree; name = "other"; };
  flat = path { path = ./tree/file; recursive = false; };
  filtered = path { path = ./tree; name = "filtered"; filter = p: type: type != "symlink" && baseNameOf p != "file"; };
  filterSourced = filterSource (p: type: type == "directory" || baseNameOf p == "file") ./tree;
  imported = [ (import ./tree/sub) (import ./tree/sub/default.nix) (import ./tree/imported.nix 5) ];
  equal = [ (./tree == ./tree/../tree) (./tree == ./tree/.) (./tree < ./tree/file) ];
  found = findFile [ { prefix = "x"; path = ./tree; } ] "x/file" == ./tree/file;
  parents = map toString [ (dirOf ./tree/file == ./tree) (dirOf /a) ];
  asJson = let path = ./tree/file; in toJSON { inherit path; };
  drvPath = (derivation { name = "x"; system = "x"; builder = ./tree/executable; src = ./tree; }).drvPath;
}
