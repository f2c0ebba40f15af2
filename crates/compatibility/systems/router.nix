# Packets, not people: networkd, nftables, DHCP, DNS and WireGuard.
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
        networking.useNetworkd = true;
        networking.nftables.enable = true;
        networking.nat = {
          enable = true;
          externalInterface = "eth0";
          internalInterfaces = [ "eth1" ];
        };
        networking.wireguard.interfaces.wg0 = {
          ips = [ "10.1.0.1/24" ];
          privateKeyFile = "/etc/wireguard/key";
          peers = [
            {
              publicKey = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
              allowedIPs = [ "10.1.0.2/32" ];
            }
          ];
        };
        services.kea.dhcp4 = {
          enable = true;
          settings.subnet4 = [
            {
              id = 1;
              subnet = "10.0.0.0/24";
            }
          ];
        };
        services.unbound.enable = true;
        services.bird.enable = true;
        services.bird.config = "";
      }
    )
  ];
}).config.system.build.toplevel
