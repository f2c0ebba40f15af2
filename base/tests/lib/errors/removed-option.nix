# error: The option `old. can no longer be used since it.s been removed\. Use `new
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
(evaluate [
  (lib.mkRemovedOptionModule [ "old" ] "Use `new'.")
  { options.assertions = lib.mkOption { }; }
  { old = 1; }
]).old
