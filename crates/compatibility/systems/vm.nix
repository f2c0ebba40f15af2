# A system as a virtual machine with its script.
{ nixpkgs }:
(import (nixpkgs + "/nixos/lib/eval-config.nix") {
  system = "x86_64-linux";
  modules = [
    (nixpkgs + "/nixos/modules/virtualisation/qemu-vm.nix")
    {
      virtualisation.memorySize = 2048;
      users.users.root.initialHashedPassword = "";
      system.stateVersion = "26.05";
    }
  ];
}).config.system.build.vm
