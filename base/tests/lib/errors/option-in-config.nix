# error: trying to declare an option by placing it into `config. rather than `options
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
evaluate [ { config.networking.hostName2 = lib.mkOption { type = lib.types.str; }; } ]
