# Trees of files and links.
{
  lib,
  builtinDerivation,
  pkgs,
}:

let
  # nixpkgs gives a tree's name either as `name` or as pname and version.
  nameOf = arguments: arguments.name or "${arguments.pname}-${arguments.version}";

  # Entries of a tree are laid one over the other, the last wins; of packages
  # the lower `meta.priority` wins, and of equals the first.
  byPrecedence =
    paths:
    lib.sort (a: b: (a.meta.priority or 5) > (b.meta.priority or 5)) (
      lib.reverseList (lib.filter (path: path != null) (lib.flatten paths))
    );

  buildEnv =
    arguments@{
      paths,
      # Which subdirectories to take; "/" is all of them.
      pathsToLink ? [ "/" ],
      # Where they go under the output.
      extraPrefix ? "",
      passthru ? { },
      meta ? { },
      ...
    }:
    let
      supported = [
        "name"
        "pname"
        "version"
        "paths"
        "pathsToLink"
        "extraPrefix"
        "passthru"
        "meta"
      ];
      unsupported = lib.attrNames (removeAttrs arguments supported);

      place =
        directory:
        let
          joined = lib.removePrefix "/" "${extraPrefix}/${lib.removePrefix "/" directory}";
        in
        if joined == "" then "." else lib.removeSuffix "/" joined;

      subtree =
        package: directory:
        let
          relative = lib.removePrefix "/" directory;
        in
        {
          path = place directory;
          source = if relative == "" then "${package}" else "${package}/${relative}";
          exclude = [
            "nix-support"
            "nix-support/**"
          ];
          optional = true;
        };
    in
    if unsupported != [ ] then
      throw "buildEnv: the Debian base has no argument `${lib.head unsupported}`; it has ${lib.concatStringsSep ", " supported}"
    else
      builtinDerivation {
        name = nameOf arguments;
        builder = "make-tree";
        attributes.entries = lib.concatMap (package: map (subtree package) pathsToLink) (
          byPrecedence paths
        );
        inherit passthru meta;
      };
in
{
  # A tree from a list of entries: { path; text | source | symlink | directory; … }.
  makeTree =
    name: entries:
    builtinDerivation {
      inherit name;
      builder = "make-tree";
      attributes = { inherit entries; };
    };

  # linkFarm :: String -> ([{ name, path }] | AttrSet) -> Derivation
  linkFarm =
    name: entries:
    let
      links =
        if builtins.isAttrs entries then
          lib.mapAttrsToList (name: path: { inherit name path; }) entries
        else
          entries;
    in
    builtinDerivation {
      inherit name;
      builder = "make-tree";
      attributes.entries = map (link: {
        path = link.name;
        symlink = "${link.path}";
      }) links;
      passthru.entries = lib.listToAttrs (map (link: lib.nameValuePair link.name link.path) links);
    };

  linkFarmFromDrvs =
    name: derivations:
    pkgs.linkFarm name (
      map (drv: {
        inherit (drv) name;
        path = drv;
      }) derivations
    );

  inherit buildEnv;
  symlinkJoin = buildEnv;
}
