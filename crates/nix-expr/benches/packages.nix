# A part of a nixpkgs' attributes, for the fleet's benchmark: a hash of the paths of their derivations. `names` is a JSON file
# with the attributes to ask for; of those that fail with an error that `tryEval` does not catch, neither program says more.
# Each FILE of the benchmark is then
#
#   import crates/nix-expr/benches/packages.nix { nixpkgs = PATH; names = PATH; part = 0; parts = 3; }
{ nixpkgs, names, part, parts }:
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
  count = builtins.length all;
  size = (count + parts - 1) / parts;
  from = part * size;
  own = builtins.genList (index: builtins.elemAt all (from + index)) (
    if from + size > count then count - from else size
  );
  found =
    name:
    let
      value = packages.${name};
    in
    if builtins.isAttrs value && value.type or null == "derivation" then value.drvPath else "other";
  path =
    name:
    let
      result = builtins.tryEval (found name);
    in
    if result.success then builtins.unsafeDiscardStringContext result.value else "throws";
in
builtins.hashString "sha256" (builtins.toJSON (map path own))
