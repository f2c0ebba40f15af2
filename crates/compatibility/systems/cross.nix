# Built on one architecture for another.
{ nixpkgs }:
(import (nixpkgs + "/nixos/lib/eval-config.nix") {
  system = null;
  modules = [
    {
      nixpkgs.buildPlatform = "x86_64-linux";
      nixpkgs.hostPlatform = "riscv64-linux";
      boot.loader.grub.enable = false;
      boot.loader.generic-extlinux-compatible.enable = true;
      fileSystems."/" = {
        device = "/dev/mmcblk0p2";
        fsType = "ext4";
      };
      system.stateVersion = "26.05";
    }
  ];
}).config.system.build.toplevel
