# error: A definition for option `services\.openssh\.ports\."\[definition 1-entry 2\]". is not of type `16 bit unsigned integer
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
(evaluate [ { services.openssh.ports = [ 22 70000 ]; } ]).services.openssh.ports
