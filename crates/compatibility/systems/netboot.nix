# What a machine without a disk boots from the network.
{ nixpkgs }:
(import (nixpkgs + "/nixos/lib/eval-config.nix") {
  system = "x86_64-linux";
  modules = [ (nixpkgs + "/nixos/modules/installer/netboot/netboot-minimal.nix") ];
}).config.system.build.netbootRamdisk
