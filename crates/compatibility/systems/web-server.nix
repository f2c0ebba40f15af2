# nginx with certificates, PostgreSQL and Redis.
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
        networking.firewall.allowedTCPPorts = [ 80 443 ];
        security.acme = {
          acceptTerms = true;
          defaults.email = "admin@example.org";
        };
        services.nginx = {
          enable = true;
          recommendedTlsSettings = true;
          recommendedProxySettings = true;
          virtualHosts."example.org" = {
            enableACME = true;
            forceSSL = true;
            locations."/".proxyPass = "http://127.0.0.1:8080";
          };
        };
        services.postgresql = {
          enable = true;
          ensureDatabases = [ "app" ];
          ensureUsers = [
            {
              name = "app";
              ensureDBOwnership = true;
            }
          ];
        };
        services.postgresqlBackup.enable = true;
        services.redis.servers.app.enable = true;
      }
    )
  ];
}).config.system.build.toplevel
