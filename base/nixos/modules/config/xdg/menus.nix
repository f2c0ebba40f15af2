# Menus of applications of desktops (freedesktop.org). Packages' files are under /usr/share, where
# desktops look by themselves.
{ config, lib, ... }:

{
  options.xdg.menus.enable = lib.mkOption {
    type = lib.types.bool;
    default = true;
    description = "Whether menus of applications of packages are there for desktops.";
  };

  config = lib.mkIf (!config.xdg.menus.enable) {
    system.debian.usrExclude = [
      "share/applications/**"
      "share/desktop-directories/**"
      "share/menu/**"
    ];
  };
}
