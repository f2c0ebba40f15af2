# htop.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.programs.htop;

  text =
    value:
    if builtins.isList value then
      lib.concatMapStringsSep " " text value
    else if builtins.isBool value then
      if value then "1" else "0"
    else
      toString value;
in
{
  options.programs.htop = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether htop is there.";
    };
    package = mkOption {
      type = types.package;
      default = pkgs.htop;
      defaultText = lib.literalExpression "pkgs.htop";
      description = "htop.";
    };
    settings = mkOption {
      type = types.attrsOf (
        types.oneOf [
          types.str
          types.int
          types.bool
          (types.listOf (
            types.oneOf [
              types.str
              types.int
              types.bool
            ]
          ))
        ]
      );
      default = { };
      example = {
        hide_kernel_threads = true;
      };
      description = "Settings of users who have none of their own, in /etc/htoprc.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ];
    environment.etc.htoprc = lib.mkIf (cfg.settings != { }) {
      # htop stops reading at the first setting it knows unless the fields come first.
      text =
        let
          line = name: "${name}=${text cfg.settings.${name}}\n";
          names = lib.attrNames cfg.settings;
          first = lib.filter (name: name == "fields") names;
        in
        lib.concatMapStrings line (first ++ lib.filter (name: name != "fields") names);
    };
  };
}
