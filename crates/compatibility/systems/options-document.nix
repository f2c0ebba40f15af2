# The manual, for which every option of every module is evaluated.
{ nixpkgs }:
(import (nixpkgs + "/nixos/release.nix") { supportedSystems = [ "x86_64-linux" ]; }).manualHTML.x86_64-linux
