# error: The option `users\.users\.alice\.hoem. does not exist\. .*Did you mean `users\.users\.alice\.home.\?
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
evaluate [ { users.users.alice.hoem = "/home/alice"; } ]
