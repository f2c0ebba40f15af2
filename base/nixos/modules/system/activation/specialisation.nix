# Variants of the host: further systems that hang on this one, each with a
# change to the configuration.
{
  config,
  lib,
  pkgs,
  extendModules,
  ...
}:

let
  inherit (lib) mkOption types;

  # A variant has no variants: they would never end.
  variantOf =
    specialisation:
    if specialisation.inheritParentConfig then
      extendModules { modules = [ specialisation.configuration ]; }
    else
      import ../../../lib/eval-config.nix {
        inherit lib;
        system = null;
        modules = [
          { nixpkgs.pkgs = lib.mkDefault pkgs; }
          specialisation.configuration
        ];
      };
in
{
  options.specialisation = mkOption {
    type = types.attrsOf (
      types.submodule {
        options = {
          inheritParentConfig = mkOption {
            type = types.bool;
            default = true;
            description = "Whether the variant is this host and something more, not something else.";
          };
          configuration = mkOption {
            type = types.deferredModule;
            default = { };
            description = "What the variant adds to, or has instead of, this host's configuration.";
          };
        };
      }
    );
    default = { };
    example = lib.literalExpression "{ debugging.configuration.boot.kernelParams = [ \"debug\" ]; }";
    description = ''
      Variants of the host, by name. Each is at `specialisation/NAME` of the system, and
      `switch-to-configuration` there makes it the running one.
    '';
  };

  options.isSpecialisation = mkOption {
    type = types.bool;
    internal = true;
    default = false;
    description = "Whether this is a variant of another host.";
  };

  config = {
    system.toplevelEntries = lib.optionals (!config.isSpecialisation) (
      lib.mapAttrsToList (name: specialisation: {
        path = "specialisation/${name}";
        symlink = "${(variantOf (
          specialisation
          // {
            configuration = {
              imports = [ specialisation.configuration ];
              isSpecialisation = true;
            };
          }
        )).config.system.build.toplevel}";
      }) config.specialisation
    );

    assertions = map (name: {
      assertion = builtins.match "[A-Za-z0-9_.-]+" name != null;
      message = "specialisation.\"${name}\": the name of a variant is made of letters, digits, and `_.-`.";
    }) (lib.attrNames config.specialisation);
  };
}
