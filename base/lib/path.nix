# Paths as values: joining, splitting, comparing; and relative paths in strings ("subpaths").
{ lib }:
let
  inherit (builtins)
    concatStringsSep
    filter
    isPath
    isString
    match
    split
    typeOf
    ;
  inherit (lib) assertMsg;

  # Why a string is no subpath, or null.
  reason =
    value:
    if !isString value then
      "The given value is of type ${typeOf value}, but a string was expected"
    else if value == "" then
      "The given string is empty"
    else if builtins.substring 0 1 value == "/" then
      "The given string \"${value}\" starts with a `/`, representing an absolute path"
    else if match "(.*/)?\\.\\.(/.*)?" value != null then
      "The given string \"${value}\" contains a `..` component, which is not allowed in subpaths"
    else
      null;

  parts = text: filter (p: isString p && p != "" && p != ".") (split "/" text);
  joined = components: "./" + (if components == [ ] then "." else concatStringsSep "/" components);

  # A path as its root and the names below.
  deconstruct =
    path:
    let
      go =
        components: base:
        if base == dirOf base then
          {
            root = base;
            inherit components;
          }
        else
          go ([ (baseNameOf base) ] ++ components) (dirOf base);
    in
    go [ ] path;

  bothPaths =
    name: a: b:
    assertMsg (isPath a)
      "lib.path.${name}: The first argument is of type ${typeOf a}, but a path was expected"
    && assertMsg (isPath b)
      "lib.path.${name}: The second argument is of type ${typeOf b}, but a path was expected";
in
rec {
  # append :: path -> string -> path
  append =
    path: subpath:
    assert assertMsg (isPath path)
      "lib.path.append: The first argument is of type ${typeOf path}, but a path was expected";
    assert assertMsg (lib.path.subpath.isValid subpath)
      "lib.path.append: Second argument is not a valid subpath string:\n    ${reason subpath}";
    path + ("/" + subpath);

  # hasPrefix :: path -> path -> bool
  hasPrefix =
    prefix: path:
    assert bothPaths "hasPrefix" prefix path;
    let
      a = deconstruct prefix;
      b = deconstruct path;
    in
    a.root == b.root && lib.lists.hasPrefix a.components b.components;

  # removePrefix :: path -> path -> string
  removePrefix =
    prefix: path:
    assert bothPaths "removePrefix" prefix path;
    let
      a = deconstruct prefix;
      b = deconstruct path;
    in
    if a.root == b.root && lib.lists.hasPrefix a.components b.components then
      joined (lib.drop (builtins.length a.components) b.components)
    else
      throw "lib.path.removePrefix: The first path argument \"${toString prefix}\" is not a component-wise prefix of the second path argument \"${toString path}\".";

  # splitRoot :: path -> { root; subpath; }
  splitRoot =
    path:
    assert assertMsg (isPath path)
      "lib.path.splitRoot: Argument is of type ${typeOf path}, but a path was expected";
    let
      d = deconstruct path;
    in
    {
      inherit (d) root;
      subpath = joined d.components;
    };

  # hasStorePathPrefix :: path -> bool
  hasStorePathPrefix =
    path:
    assert assertMsg (isPath path)
      "lib.path.hasStorePathPrefix: Argument is of type ${typeOf path}, but a path was expected";
    let
      store = deconstruct (/. + builtins.storeDir);
      own = deconstruct path;
      depth = builtins.length store.components;
    in
    lib.lists.hasPrefix store.components own.components
    && builtins.length own.components > depth
    && match "[0-9a-df-np-sv-z]{32}-.*" (builtins.elemAt own.components depth) != null;

  subpath = {
    # isValid :: any -> bool
    isValid = value: reason value == null;

    # join :: [string] -> string
    join =
      subpaths:
      if lib.all (s: reason s == null) subpaths then
        joined (builtins.concatMap parts subpaths)
      else
        builtins.head (
          builtins.concatMap (
            i:
            let
              s = builtins.elemAt subpaths i;
              why = reason s;
            in
            lib.optional (why != null) (
              throw "lib.path.subpath.join: Element at index ${toString i} is not a valid subpath string:\n    ${why}"
            )
          ) (lib.range 0 (builtins.length subpaths - 1))
        );

    # components :: string -> [string]
    components =
      value:
      assert assertMsg (reason value == null)
        "lib.path.subpath.components: Argument is not a valid subpath string:\n    ${reason value}";
      parts value;

    # normalise :: string -> string
    normalise =
      value:
      assert assertMsg (reason value == null)
        "lib.path.subpath.normalise: Argument is not a valid subpath string:\n    ${reason value}";
      joined (parts value);
  };
}
