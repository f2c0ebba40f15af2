# error: The option `users\.users\.alice\.uid. was accessed but has no value defined
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
(evaluate [ { users.users.alice.home = "/x"; } ]).users.users.alice.uid
