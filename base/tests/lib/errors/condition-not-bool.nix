# error: mkIf called with a non-Boolean condition in `x\.nix.: it is of type `string
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
(evaluate [
  {
    _file = "x.nix";
    networking.hostName = lib.mkIf "yes" "x";
  }
]).networking.hostName
