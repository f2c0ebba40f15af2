# Names of flakes for the host's Nix: /etc/nix/registry.json.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.nix;

  reference = types.attrsOf (
    types.oneOf [
      types.str
      types.int
      types.bool
      types.path
      types.package
    ]
  );

  entryModule =
    { name, config, ... }:
    {
      options = {
        from = mkOption {
          type = reference;
          example = {
            type = "indirect";
            id = "nixpkgs";
          };
          description = "The reference that is replaced.";
        };
        to = mkOption {
          type = reference;
          example = {
            type = "github";
            owner = "my-org";
            repo = "my-nixpkgs";
          };
          description = "What it is replaced by.";
        };
        flake = mkOption {
          type = types.nullOr types.attrs;
          default = null;
          example = lib.literalExpression "nixpkgs";
          description = "A flake that the name stands for, usually an input.";
        };
        exact = mkOption {
          type = types.bool;
          default = true;
          description = "Whether references with a branch or revision are left alone.";
        };
      };
      config = {
        from = lib.mkDefault {
          type = "indirect";
          id = name;
        };
        to = lib.mkIf (config.flake != null) (
          lib.mkDefault (
            {
              type = "path";
              path = config.flake.outPath;
            }
            // lib.filterAttrs (
              attribute: _:
              lib.elem attribute [
                "lastModified"
                "rev"
                "revCount"
                "narHash"
              ]
            ) config.flake
          )
        );
      };
    };
in
{
  options.nix.registry = mkOption {
    type = types.attrsOf (types.submodule entryModule);
    default = { };
    description = "Flakes by the name that users call them by.";
  };

  config = lib.mkIf cfg.enable {
    environment.etc."nix/registry.json".text = builtins.toJSON {
      version = 2;
      flakes = lib.mapAttrsToList (_: entry: { inherit (entry) from to exact; }) cfg.registry;
    };
  };
}
