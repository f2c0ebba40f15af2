# The types of options.
#
# A type is a set with a name, a description, a shallow `check` of one definition and a `merge` of
# all of them. `base.nix` makes types; the other files are the types by family.
{ lib }:
let
  base = import ./base.nix { inherit lib; };
in
base
// import ./scalars.nix { inherit lib base; }
// import ./paths.nix { inherit lib base; }
// import ./containers.nix { inherit lib base; }
// import ./composed.nix { inherit lib base; }
// import ./submodules.nix { inherit lib base; }
