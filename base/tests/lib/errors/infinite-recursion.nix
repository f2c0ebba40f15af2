# error: infinite recursion encountered
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
evaluate [ ({ config, ... }: { imports = lib.optional config.services.openssh.enable { }; }) ]
