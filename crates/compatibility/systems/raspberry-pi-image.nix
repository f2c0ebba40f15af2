# A card for a small board, with its boot loader and device trees.
{ nixpkgs }:
(import (nixpkgs + "/nixos/lib/eval-config.nix") {
  system = "aarch64-linux";
  modules = [ (nixpkgs + "/nixos/modules/installer/sd-card/sd-image-aarch64.nix") ];
}).config.system.build.sdImage
