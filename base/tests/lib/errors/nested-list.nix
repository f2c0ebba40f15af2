# error: Module imports can.t be nested lists
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
evaluate [ { imports = [ [ { } ] ]; } ]
