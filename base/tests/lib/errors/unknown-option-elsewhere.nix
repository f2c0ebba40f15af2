# error: Did you mean `networking\.hostName.\?
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
evaluate [ { hostName = "alpha"; } ]
