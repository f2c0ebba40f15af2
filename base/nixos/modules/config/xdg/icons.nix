# Icon themes of desktops (freedesktop.org). Packages' files are under /usr/share, where
# desktops look by themselves.
{ config, lib, ... }:

{
  options.xdg.icons.enable = lib.mkOption {
    type = lib.types.bool;
    default = true;
    description = "Whether icon themes of packages are there for desktops.";
  };

  config = lib.mkIf (!config.xdg.icons.enable) {
    system.debian.usrExclude = [
      "share/icons/**"
      "share/pixmaps/**"
    ];
  };
}
