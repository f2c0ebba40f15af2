# A forge for code, with a runner.
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
        services.forgejo = {
          enable = true;
          lfs.enable = true;
        };
        services.gitlab-runner.enable = true;
        services.jenkins.enable = true;
        nix.settings.experimental-features = [ "nix-command" "flakes" ];
        nix.gc.automatic = true;
      }
    )
  ];
}).config.system.build.toplevel
