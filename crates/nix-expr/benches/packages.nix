# The attributes of a nixpkgs that the JSON file `names` lists, for the benchmark of all packages: as a set to walk through, and as
# the list of what they are, in the order of the names. Nix evaluates the list, so `names` must have none that fails with an error
# that `tryEval` does not catch.
{ nixpkgs, names }:
let
  packages = import nixpkgs {
    system = "x86_64-linux";
    config = {
      allowUnfree = true;
      allowBroken = true;
      allowUnsupportedSystem = true;
      allowInsecurePredicate = _: true;
    };
  };
  all = builtins.fromJSON (builtins.readFile names);
  what = value: if builtins.isAttrs value && value.type or null == "derivation" then value.drvPath else "other";
  path =
    name:
    let
      result = builtins.tryEval (what packages.${name});
    in
    if result.success then builtins.unsafeDiscardStringContext result.value else "throws";
in
{
  set = builtins.listToAttrs (
    map (name: {
      inherit name;
      value = packages.${name};
    }) all
  );
  list = map path all;
}
