# A desktop with GNOME.
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
        services.displayManager.gdm.enable = true;
        services.desktopManager.gnome.enable = true;
        services.printing.enable = true;
        hardware.bluetooth.enable = true;
        fonts.packages = [ pkgs.noto-fonts ];
        users.users.alice = {
          isNormalUser = true;
          packages = [ pkgs.firefox pkgs.libreoffice ];
        };
      }
    )
  ];
}).config.system.build.toplevel
