# nano.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.programs.nano;
in
{
  options.programs.nano = {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether nano is there.";
    };
    package = mkOption {
      type = types.package;
      default = pkgs.nano;
      defaultText = lib.literalExpression "pkgs.nano";
      description = "nano.";
    };
    nanorc = mkOption {
      type = types.lines;
      default = "";
      example = ''
        set nowrap
        set tabsize 2
      '';
      description = "Settings of all users; see {manpage}`nanorc(5)`.";
    };
    syntaxHighlight = mkOption {
      type = types.bool;
      default = true;
      description = "Whether files are shown in colours.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
    environment.etc.nanorc.text =
      lib.optionalString cfg.syntaxHighlight ''
        include "/usr/share/nano/*.nanorc"
      ''
      + cfg.nanorc;
  };
}
