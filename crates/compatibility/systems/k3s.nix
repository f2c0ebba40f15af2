# A node of a Kubernetes cluster.
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
        services.k3s = {
          enable = true;
          role = "server";
        };
        virtualisation.containerd.enable = true;
        boot.kernel.sysctl."net.ipv4.ip_forward" = 1;
      }
    )
  ];
}).config.system.build.toplevel
