# Applications that desktops start at login of desktops (freedesktop.org). Packages' files are under /usr/share, where
# desktops look by themselves.
{ config, lib, ... }:

{
  options.xdg.autostart.enable = lib.mkOption {
    type = lib.types.bool;
    default = true;
    description = "Whether applications that desktops start at login of packages are there for desktops.";
  };

  config = lib.mkIf (!config.xdg.autostart.enable) {
    system.debian.usrExclude = [
      "share/gnome/autostart/**"
    ];
  };
}
