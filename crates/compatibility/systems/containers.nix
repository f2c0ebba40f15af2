# Declared containers, Podman and Docker.
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
        virtualisation.docker.enable = true;
        virtualisation.podman.enable = true;
        virtualisation.oci-containers.containers.web = {
          image = "example/web:1";
          ports = [ "8080:80" ];
        };
        containers.inner = {
          autoStart = true;
          privateNetwork = true;
          hostAddress = "10.0.0.1";
          localAddress = "10.0.0.2";
          config = {
            services.openssh.enable = true;
            system.stateVersion = "26.05";
          };
        };
      }
    )
  ];
}).config.system.build.toplevel
