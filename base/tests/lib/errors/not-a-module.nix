# error: Module <unknown-file> \(:anon-2\) does not look like a module\. It must be a path, an attribute set, or a function that gives one, but is of type `int
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
evaluate [ 5 ]
