# A tree from which a running Linux starts the installer.
{ nixpkgs }:
(import (nixpkgs + "/nixos/lib/eval-config.nix") {
  system = "x86_64-linux";
  modules = [ (nixpkgs + "/nixos/modules/installer/netboot/netboot-minimal.nix") ];
}).config.system.build.kexecTree
