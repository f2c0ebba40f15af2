# vim.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.programs.vim;
in
{
  options.programs.vim = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether vim is there.";
    };
    package = mkOption {
      type = types.package;
      default = pkgs.vim;
      defaultText = lib.literalExpression "pkgs.vim";
      description = "vim.";
    };
    defaultEditor = mkOption {
      type = types.bool;
      default = false;
      description = "Whether programs call it when somebody is to edit something.";
    };
  };

  config = lib.mkIf (cfg.enable || cfg.defaultEditor) {
    environment.systemPackages = [ cfg.package ];
    environment.variables.EDITOR = lib.mkIf cfg.defaultEditor (lib.mkOverride 900 "vim");
  };
}
