# Calls the flakes of a resolved graph and returns the first, the root.
#
# nodes: a list of
#   { sourceInfo = { outPath; narHash; … }; directory = ""; flake = true; inputs = { NAME = index into the list; }; }
# A node whose tree is not to be had is a `throw`, so that only those who use it fail.
nodes:
let
  call =
    node:
    let
      inherit (node) sourceInfo;
      outPath = sourceInfo.outPath + (if node.directory == "" then "" else "/" + node.directory);
      inputs = builtins.mapAttrs (_: index: builtins.elemAt flakes index) node.inputs;
      outputs = (import (outPath + "/flake.nix")).outputs (inputs // { self = flake; });
      flake =
        outputs
        // sourceInfo
        // {
          inherit
            inputs
            outPath
            outputs
            sourceInfo
            ;
          _type = "flake";
        };
    in
    if node.flake then flake else sourceInfo // { inherit outPath sourceInfo; };
  flakes = map call nodes;
in
builtins.head flakes
