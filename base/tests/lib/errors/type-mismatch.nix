# error: A definition for option `networking\.mtu. is not of type `signed integer.\. Definition values: - In `.*errors/type-mismatch\.nix:7.: "1500" Hint: write 1500 without quotes\.
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
(evaluate [
  { networking.mtu = "1500"; }
]).networking.mtu
