# error: A definition for option `services\.openssh\.ports. is not of type `list of 16 bit unsigned integer; .*: 22 Hint: put the value into a list
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
(evaluate [ { services.openssh.ports = 22; } ]).services.openssh.ports
