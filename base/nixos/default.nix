# A configuration from a file, as `nix-build '<nixpkgs/nixos>'` evaluates it.
{
  configuration ? <nixos-config>,
  system ? builtins.currentSystem,
  specialArgs ? { },
}:
let
  evaluated = import ./lib/eval-config.nix {
    inherit system specialArgs;
    modules = [ configuration ];
  };
in
{
  inherit (evaluated) pkgs config options;
  system = evaluated.config.system.build.toplevel;
  vm = evaluated.config.system.build.vm or (throw "this configuration has no `system.build.vm'");
}
