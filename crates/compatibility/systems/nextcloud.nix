# A large web application with its database.
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
        services.nextcloud = {
          enable = true;
          hostName = "cloud.example.org";
          package = pkgs.nextcloud33;
          config.adminpassFile = "/etc/nextcloud-admin";
          config.dbtype = "pgsql";
          database.createLocally = true;
        };
      }
    )
  ];
}).config.system.build.toplevel
