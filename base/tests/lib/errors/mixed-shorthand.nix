# error: has an unsupported attribute `networking.\. .*move all of them \(namely: networking\) into the explicit `config. attribute
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
evaluate [
  {
    options = { };
    networking.hostName = "x";
  }
]
