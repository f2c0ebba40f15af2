# Variants of a system inside of it.
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
        specialisation.graphical.configuration = {
          services.xserver.enable = true;
        };
        specialisation.rescue.configuration = {
          services.openssh.enable = lib.mkForce true;
        };
        environment.systemPackages = [ pkgs.vim pkgs.git pkgs.python3.pkgs.numpy (pkgs.python3.withPackages (p: [ p.requests p.pyyaml ])) ];
        documentation.nixos.includeAllModules = false;
      }
    )
  ];
}).config.system.build.toplevel
