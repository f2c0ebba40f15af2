# error: The option `networking\.mtu. in `.*declared-twice\.nix. is already declared in `.*data/system\.nix.\..*Their types `string. and `signed integer. cannot be joined|The option `networking\.mtu. in `.*data/system\.nix. is already declared in
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
(evaluate [ { options.networking.mtu = lib.mkOption { type = lib.types.str; }; } ]).networking.mtu
