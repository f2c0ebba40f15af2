# error: you.re trying to define a value of type `bool. rather than an attribute set for the option `services\.openssh
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
evaluate [ { services.openssh = true; } ]
