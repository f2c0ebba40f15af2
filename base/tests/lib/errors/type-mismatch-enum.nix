# error: is not of type `one of "yes", "no", "prohibit-password".\..*Did you mean "prohibit-password"\?
let
  lib = import ../../../lib;
  evaluate = modules: (lib.evalModules { modules = [ ../data/system.nix ] ++ modules; }).config;
in
(evaluate [ { services.openssh.settings.PermitRootLogin = "prohibit-pasword"; } ])
.services.openssh.settings.PermitRootLogin
