# Kinds of files of desktops (freedesktop.org). Packages' files are under /usr/share, where
# desktops look by themselves.
{ config, lib, ... }:

{
  options.xdg.mime.enable = lib.mkOption {
    type = lib.types.bool;
    default = true;
    description = "Whether kinds of files of packages are there for desktops.";
  };

  config = lib.mkIf (!config.xdg.mime.enable) {
    system.debian.usrExclude = [
      "share/mime/**"
      "share/mime-info/**"
    ];
  };
}
