# error: The option `networking\.hostName. has conflicting definition values: - In `b\.nix.: "two" - In `a\.nix.: "one" Use `lib\.mkForce value` or `lib\.mkDefault value`
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
(evaluate [
  {
    _file = "a.nix";
    networking.hostName = "one";
  }
  {
    _file = "b.nix";
    networking.hostName = "two";
  }
]).networking.hostName
