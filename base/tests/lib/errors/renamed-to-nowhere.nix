# error: The option `new. does not exist\. Definition values: - In `<unknown-file>
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
(evaluate [ (lib.mkRenamedOptionModule [ "old" ] [ "new" ]) ]).old
