# systemd in the initrd, systemd-boot, a hardened kernel, btrfs.
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
        boot.loader.grub.enable = false;
        boot.loader.systemd-boot.enable = true;
        boot.initrd.systemd.enable = true;
        boot.kernelPackages = pkgs.linuxPackages_latest;
        fileSystems."/home" = {
          device = "/dev/sda2";
          fsType = "btrfs";
          options = [ "subvol=home" ];
        };
        security.apparmor.enable = true;
        security.audit.enable = true;
        services.fwupd.enable = true;
      }
    )
  ];
}).config.system.build.toplevel
