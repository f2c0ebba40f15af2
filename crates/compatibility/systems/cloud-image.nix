# An image for a cloud.
{ nixpkgs }:
(import (nixpkgs + "/nixos/lib/eval-config.nix") {
  system = "x86_64-linux";
  modules = [
    (nixpkgs + "/nixos/maintainers/scripts/ec2/amazon-image.nix")
    { system.stateVersion = "26.05"; }
  ];
}).config.system.build.amazonImage
