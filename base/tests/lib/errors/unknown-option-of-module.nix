# error: come with a module
let
  lib = import ../../../lib;
in
(lib.evalModules { modules = [ { sops.secrets.token = { }; } ]; }).config
