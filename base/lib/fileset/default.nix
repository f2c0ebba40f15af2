# Sets of local files, put together and taken apart, and copied to the store as one source.
#
# A file set is a base folder and a tree below it: `true` for everything, or a set by names in which
# a missing name means nothing. Unions, intersections and differences walk two trees at once; a
# folder is read only where the trees differ.
{ lib }:
let
  inherit (builtins)
    attrNames
    isAttrs
    isPath
    isString
    mapAttrs
    pathExists
    readDir
    typeOf
    ;
  tree = import ./tree.nix { inherit lib; };
  inherit (lib.filesystem) pathType;

  make = base: files: {
    _type = "fileset";
    _base = base;
    _tree = files;
    # Mixing it up with a path or a source would silently import nothing.
    __noEval = throw "lib.fileset: Directly evaluating a file set is not supported.\n  To turn it into a usable source, use `lib.fileset.toSource`.\n  To pretty-print the contents, use `lib.fileset.trace` or `lib.fileset.traceVal`.";
  };

  empty = {
    _type = "fileset";
    _base = null;
    _tree = null;
  };

  # Where the two sets begin, and their trees from there.
  aligned =
    a: b:
    let
      common = tree.commonBase a._base b._base;
      lift = set: tree.lift common set._base set._tree;
    in
    {
      base = common;
      left = lift a;
      right = lift b;
    };

  binary =
    operation: a: b:
    let
      both = aligned a b;
    in
    make both.base (operation both.base both.left both.right);

  # coerce :: string -> (path | fileset | source) -> fileset
  coerce =
    context: value:
    if value._type or "" == "fileset" then
      value
    else if value ? _isLibCleanSourceWith then
      fromFilter value.origSrc value.filter
    else if isString value then
      throw "${context} is a string (\"${value}\"), but it should be a file set or a path instead.\n    Paths represented as strings are not supported by `lib.fileset`, use path literals instead."
    else if !isPath value then
      throw "${context} is of type ${typeOf value}, but it should be a file set or a path instead."
    else if !pathExists value then
      throw "${context} (${toString value}) is a path that does not exist.\n    To create a file set from a path that may not exist, use `lib.fileset.maybeMissing`."
    else
      fromPath value;

  fromPath =
    path:
    if pathType path == "directory" then
      make path true
    else
      make (dirOf path) { ${baseNameOf path} = true; };

  fromFilter =
    root: filter:
    let
      go =
        path:
        mapAttrs (
          name: type:
          let
            child = path + "/${name}";
          in
          if !(filter (toString child) type) then
            null
          else if type == "directory" then
            go child
          else
            true
        ) (readDir path);
    in
    make root (go root);

  unionAll = context: sets: builtins.foldl' union' empty (lib.imap0 (i: coerce (context i)) sets);
  union' =
    a: b:
    if a._base == null then
      b
    else if b._base == null then
      a
    else
      binary (_: tree.union) a b;
in
{
  # isFileset :: any -> bool
  isFileset = value: (builtins.tryEval (coerce "" value)).success && (isPath value || isAttrs value);

  # union, unions :: (path | fileset) -> (path | fileset) -> fileset
  union = a: b: union' (coerce "lib.fileset.union: First argument" a) (coerce "lib.fileset.union: Second argument" b);
  unions =
    sets:
    if !builtins.isList sets then
      throw "lib.fileset.unions: Argument is of type ${typeOf sets}, but it should be a list instead."
    else
      unionAll (i: "lib.fileset.unions: Element ${toString i}") sets;

  # intersection :: (path | fileset) -> (path | fileset) -> fileset
  intersection =
    first: second:
    let
      a = coerce "lib.fileset.intersection: First argument" first;
      b = coerce "lib.fileset.intersection: Second argument" second;
    in
    if a._base == null || b._base == null then empty else binary (_: tree.intersection) a b;

  # difference :: (path | fileset) -> (path | fileset) -> fileset
  difference =
    positive: negative:
    let
      a = coerce "lib.fileset.difference: First argument (positive set)" positive;
      b = coerce "lib.fileset.difference: Second argument (negative set)" negative;
    in
    if a._base == null || b._base == null then a else binary tree.difference a b;

  # maybeMissing :: path -> fileset
  # Nothing where there is nothing.
  maybeMissing =
    path:
    if !isPath path then
      throw "lib.fileset.maybeMissing: Argument is of type ${typeOf path}, but it should be a path instead."
    else if pathExists path then
      fromPath path
    else
      empty;

  # fileFilter :: ({ name; type; hasExt; } -> bool) -> path -> fileset
  fileFilter =
    predicate: path:
    let
      keep =
        name: type:
        predicate {
          inherit name type;
          hasExt = ext: lib.hasSuffix ".${ext}" name;
        };
      go =
        dir:
        mapAttrs (
          name: type: if type == "directory" then go (dir + "/${name}") else if keep name type then true else null
        ) (readDir dir);
    in
    if !lib.isFunction predicate then
      throw "lib.fileset.fileFilter: First argument is of type ${typeOf predicate}, but it should be a function instead."
    else if !isPath path then
      throw "lib.fileset.fileFilter: Second argument is of type ${typeOf path}, but it should be a path instead."
    else if !pathExists path then
      throw "lib.fileset.fileFilter: Second argument (${toString path}) is a path that does not exist."
    else if pathType path == "directory" then
      make path (go path)
    else if keep (baseNameOf path) (pathType path) then
      fromPath path
    else
      empty;

  # gitTracked :: path -> fileset
  # The files that git knows, as far as the evaluator's own fetcher tells.
  gitTracked =
    path:
    if !pathExists (path + "/.git") then
      throw "lib.fileset.gitTracked: Expected the argument (${toString path}) to point to a local working tree of a Git repository, but it's not."
    else
      let
        fetched = builtins.fetchGit { url = path; };
        go =
          stored: dir:
          mapAttrs (
            name: type: if type == "directory" then go (stored + "/${name}") (dir + "/${name}") else true
          ) (readDir stored);
      in
      make path (go fetched.outPath path);

  # fromSource :: source -> fileset
  fromSource =
    source:
    if source ? _isLibCleanSourceWith then
      fromFilter source.origSrc source.filter
    else
      coerce "lib.fileset.fromSource: The source" source;

  # toSource :: { root; fileset; } -> source
  toSource =
    { root, fileset }:
    let
      set = coerce "lib.fileset.toSource: `fileset`" fileset;
      # The tree as seen from the root; what lies outside is an error.
      fromRoot =
        if set._base == null then
          null
        else if lib.path.hasPrefix root set._base then
          tree.lift root set._base set._tree
        else if lib.path.hasPrefix set._base root then
          tree.only root set._base set._tree
        else
          throw outside;
      outside = "lib.fileset.toSource: `fileset` could contain files in ${toString set._base}, which is not under the `root` (${toString root}).";
      rootText = toString root + "/";
      filter =
        path: type:
        let
          found = tree.at fromRoot (lib.splitString "/" (lib.removePrefix rootText path));
        in
        if type == "directory" then tree.hasFiles (/. + path) found else found == true;
    in
    if !isPath root then
      throw "lib.fileset.toSource: `root` is of type ${typeOf root}, but it should be a path instead."
    else if !pathExists root then
      throw "lib.fileset.toSource: `root` (${toString root}) is a path that does not exist."
    else if pathType root != "directory" then
      throw "lib.fileset.toSource: `root` (${toString root}) is a file, but it should be a directory instead."
    else
      builtins.seq fromRoot (
        lib.cleanSourceWith {
          name = "source";
          src = root;
          inherit filter;
        }
      );

  # toList :: fileset -> [path]
  toList =
    fileset:
    let
      set = coerce "lib.fileset.toList: Argument" fileset;
    in
    if set._base == null then [ ] else tree.files set._base set._tree;

  # trace, traceVal :: prints the files
  trace =
    fileset: value:
    let
      set = coerce "lib.fileset.trace: Argument" fileset;
    in
    builtins.trace (lib.concatMapStringsSep "\n" toString (if set._base == null then [ ] else tree.files set._base set._tree)) value;
  traceVal = fileset: lib.fileset.trace fileset fileset;

  # empty :: fileset
  inherit empty;
}
