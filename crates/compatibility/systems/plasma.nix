# A desktop with Plasma.
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
        services.displayManager.sddm.enable = true;
        services.desktopManager.plasma6.enable = true;
        services.pipewire = {
          enable = true;
          alsa.enable = true;
          pulse.enable = true;
        };
        programs.steam.enable = true;
        nixpkgs.config.allowUnfree = true;
        i18n.inputMethod = {
          enable = true;
          type = "fcitx5";
        };
      }
    )
  ];
}).config.system.build.toplevel
