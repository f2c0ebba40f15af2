# libvirt with a ZFS pool and an encrypted root.
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
        virtualisation.libvirtd.enable = true;
        boot.supportedFilesystems = [ "zfs" ];
        networking.hostId = "8425e349";
        services.zfs.autoScrub.enable = true;
        boot.initrd.luks.devices.root.device = "/dev/sda2";
      }
    )
  ];
}).config.system.build.toplevel
