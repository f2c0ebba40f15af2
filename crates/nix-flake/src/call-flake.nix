# Calls the flakes of a locked graph and returns the first, the root.
#
# nodes: a list of
#   { sourceInfo = { outPath; narHash; … }; directory = ""; flake = true; inputs = { NAME = index into the list; }; }
# A node whose tree is a part of another's has `of`, that node's index, in the place of `sourceInfo`.
nodes:
let
  sourceInfoOf = node: node.sourceInfo or (sourceInfoOf (builtins.elemAt nodes node.of));
  call =
    node:
    let
      sourceInfo = sourceInfoOf node;
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
