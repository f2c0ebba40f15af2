# Files and folders at evaluation time.
{ lib }:
let
  inherit (builtins) pathExists readDir;
in
rec {
  # pathType :: path -> "regular" | "directory" | "symlink" | "unknown"
  pathType =
    builtins.readFileType or (
      path:
      if !pathExists path then
        abort "lib.filesystem.pathType: Path ${toString path} does not exist."
      # The root has no parent to be listed in.
      else if dirOf path == path then
        "directory"
      else
        (readDir (dirOf path)).${baseNameOf path}
    );

  # pathIsDirectory, pathIsRegularFile :: path -> bool
  pathIsDirectory = path: pathExists path && pathType path == "directory";
  pathIsRegularFile = path: pathExists path && pathType path == "regular";

  # listFilesRecursive :: path -> [path]
  listFilesRecursive =
    dir:
    lib.flatten (
      lib.mapAttrsToList (
        name: type: if type == "directory" then listFilesRecursive (dir + "/${name}") else dir + "/${name}"
      ) (readDir dir)
    );

  # locateDominatingFile :: pattern -> path -> { path; matches; } | null
  # The nearest folder upwards that has a file whose name matches.
  locateDominatingFile =
    pattern: file:
    let
      go =
        path:
        let
          matching = builtins.filter (m: m != null) (
            map (builtins.match pattern) (builtins.attrNames (readDir path))
          );
        in
        if matching != [ ] then
          {
            inherit path;
            matches = matching;
          }
        else if path == /. then
          null
        else
          go (dirOf path);
      isDirectory = pathIsDirectory file;
    in
    go (if isDirectory then file else dirOf file);

  # packagesFromDirectoryRecursive :: { callPackage; directory; newScope; } -> set
  packagesFromDirectoryRecursive =
    {
      callPackage,
      newScope ? null,
      directory,
      ...
    }@arguments:
    let
      entries = readDir directory;
      scopeOf =
        below:
        lib.makeScope newScope (
          self:
          packagesFromDirectoryRecursive (
            arguments
            // {
              inherit (self) callPackage;
              # A function of its own: the scope is not there yet when this is looked at.
              newScope = scope: self.newScope scope;
              directory = below;
              insideScope = true;
            }
          )
        );
      packageFile = directory + "/package.nix";
      nested =
        name: type:
        if type == "directory" then
          {
            inherit name;
            value =
              let
                below = directory + "/${name}";
              in
              # Packages of a folder see each other, where there are scopes.
              packagesFromDirectoryRecursive (
                removeAttrs arguments [ "insideScope" ] // { directory = below; }
              );
          }
        else if type == "regular" && lib.hasSuffix ".nix" name then
          {
            name = lib.removeSuffix ".nix" name;
            value = callPackage (directory + "/${name}") { };
          }
        else
          null;
    in
    if entries ? "package.nix" then
      callPackage packageFile { }
    else if newScope != null && !(arguments.insideScope or false) then
      lib.recurseIntoAttrs (scopeOf directory)
    else
      builtins.listToAttrs (builtins.filter (entry: entry != null) (lib.mapAttrsToList nested entries));

  # resolveDefaultNix :: path -> path
  # The file that `import` reads.
  resolveDefaultNix =
    value:
    if pathIsDirectory value then
      value + "/default.nix"
    else if lib.isString value && lib.hasSuffix "/" value then
      value + "default.nix"
    else
      value;
}
