# error: The option `version. is read-only, but it.s set multiple times
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
(evaluate [ { version = "2"; } ]).version
