# Sound themes of desktops (freedesktop.org). Packages' files are under /usr/share, where
# desktops look by themselves.
{ config, lib, ... }:

{
  options.xdg.sounds.enable = lib.mkOption {
    type = lib.types.bool;
    default = true;
    description = "Whether sound themes of packages are there for desktops.";
  };

  config = lib.mkIf (!config.xdg.sounds.enable) {
    system.debian.usrExclude = [
      "share/sounds/**"
    ];
  };
}
