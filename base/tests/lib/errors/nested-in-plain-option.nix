# error: The option `networking\.mtu. in module `.*system\.nix. would be a parent of the following options, but its type `signed integer. does not support nested options\. - option\(s\) with prefix `networking\.mtu\.min
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
evaluate [ { options.networking.mtu.min = lib.mkOption { }; } ]
