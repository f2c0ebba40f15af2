# error: These options do not exist either: `services\.zzzz.
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
evaluate [
  {
    netwrking = { };
    services.zzzz = { };
  }
]
