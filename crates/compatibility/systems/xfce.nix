# A light desktop, with another language and keyboard.
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
        services.xserver.enable = true;
        services.xserver.desktopManager.xfce.enable = true;
        services.xserver.xkb.layout = "de";
        i18n.defaultLocale = "de_DE.UTF-8";
        console.keyMap = "de";
        time.timeZone = "Europe/Berlin";
      }
    )
  ];
}).config.system.build.toplevel
