# Media, files for other systems, automation at home.
{ nixpkgs }:
(import (nixpkgs + "/nixos/lib/eval-config.nix") {
  system = "x86_64-linux";
  modules = [
    (
      { config, lib, pkgs, ... }:
      {
        boot.loader.grub.device = "/dev/sda";
        fileSystems."/" = {
          device = "/dev/sda1";
          fsType = "ext4";
        };
        system.stateVersion = "26.05";
        services.jellyfin.enable = true;
        services.samba.enable = true;
        services.home-assistant = {
          enable = true;
          config.homeassistant.name = "Home";
        };
        services.mosquitto.enable = true;
        services.syncthing.enable = true;
        services.avahi.enable = true;
      }
    )
  ];
}).config.system.build.toplevel
