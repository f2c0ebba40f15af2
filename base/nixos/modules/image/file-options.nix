# What an image's file is called.
{ config, lib, pkgs, ... }:

let
  inherit (lib) mkOption types;
in
{
  options.image = {
    baseName = mkOption {
      type = types.str;
      default = "nixos-image-${config.system.nixos.label}-${pkgs.stdenv.hostPlatform.system}";
      defaultText = lib.literalMD "the label and the system";
      description = "The file's name without its extension.";
    };
    extension = mkOption {
      type = types.str;
      description = "The file's extension.";
    };
    fileName = mkOption {
      type = types.str;
      default = "${config.image.baseName}.${config.image.extension}";
      defaultText = lib.literalMD "{option}`image.baseName` and {option}`image.extension`";
      description = "The file's name.";
    };
    filePath = mkOption {
      type = types.str;
      default = config.image.fileName;
      defaultText = lib.literalExpression "config.image.fileName";
      description = "The file's place in the image's store path.";
    };
  };
}
