# A tiling Wayland desktop.
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
        programs.sway.enable = true;
        services.greetd.enable = true;
        xdg.portal = {
          enable = true;
          wlr.enable = true;
        };
        security.rtkit.enable = true;
      }
    )
  ];
}).config.system.build.toplevel
