# error: Expected a module, but found a value of type "flake".*import one of its outputs
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
evaluate [ { _type = "flake"; } ]
