# Evaluating NixOS modules, also outside of a whole system.
{ lib }:
{
  # evalModules :: { modules; prefix; specialArgs; } -> configuration
  # Modules of class "nixos", none of the base's own among them.
  evalModules =
    {
      prefix ? [ ],
      modules ? [ ],
      specialArgs ? { },
    }:
    lib.evalModules {
      inherit prefix modules;
      class = "nixos";
      specialArgs = {
        modulesPath = builtins.toString ../modules;
      }
      // specialArgs;
    };
}
