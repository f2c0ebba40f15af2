# error: The option `networking\.hostName. was accessed but has no value defined\. Try setting the option\. It takes a value of type `string.\.
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
(evaluate [ ]).networking.hostName
