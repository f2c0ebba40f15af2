# error: The option `only. is defined multiple times while it.s expected to be unique\. one owner Definition values:
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
(evaluate [
  { options.only = lib.mkOption { type = lib.types.unique { message = "one owner"; } lib.types.lines; }; }
  { only = "a"; }
  { only = "b"; }
]).only
