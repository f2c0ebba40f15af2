# error: asks for the argument `unknown., which nobody provides\. Set `_module\.args\.unknown
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
(evaluate [ ({ unknown, ... }: { networking.hostName = unknown; }) ]).networking.hostName
