# Postfix, Dovecot and rspamd.
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
        services.postfix.enable = true;
        services.dovecot2 = {
          enable = true;
          settings.dovecot_config_version = "2.4.0";
          settings.dovecot_storage_version = "2.4.0";
        };
        services.rspamd.enable = true;
        services.opendkim = {
          enable = true;
          selector = "mail";
        };
      }
    )
  ];
}).config.system.build.toplevel
