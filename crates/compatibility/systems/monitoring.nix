# Prometheus, Grafana and a log store.
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
        services.prometheus = {
          enable = true;
          exporters.node.enable = true;
          scrapeConfigs = [
            {
              job_name = "node";
              static_configs = [ { targets = [ "localhost:9100" ]; } ];
            }
          ];
        };
        services.grafana = {
          enable = true;
          settings.security.secret_key = "not-secret";
        };
        services.loki = {
          enable = true;
          configuration.auth_enabled = false;
        };
        services.telegraf.enable = true;
      }
    )
  ];
}).config.system.build.toplevel
