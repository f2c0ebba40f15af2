# error: The option `services\.opensh. does not exist\. Definition values: - In `.*errors/unknown-option\.nix:8.: .*Did you mean `services\.openssh\.enable.\?
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
evaluate [
  { networking.hostName = "x"; }
  { services.opensh.enable = true; }
]
