# error: expected an option declaration at option path `mine` but got an attribute set with type option-type A type alone is not an option
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
evaluate [ { options.mine = lib.types.str; } ]
