{
  description = "A cluster of modules on one board: Kubernetes on the first, an image for the next";

  inputs = {
    nixpkgs.url = "hostwright:debian";
    nixos-generators = {
      url = "hostwright:nixos-generators";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    { nixpkgs, nixos-generators, ... }:
    let
      inherit (nixpkgs) lib;

      node =
        name: modules:
        lib.nixosSystem {
          modules = [
            ./hosts/common.nix
            { networking.hostName = name; }
          ]
          ++ modules;
        };
    in
    {
      nixosConfigurations = {
        node3 = node "node3" [
          ./hardware/cm4.nix
          ./hosts/server.nix
        ];
      };

      # What a new module is flashed with: it lets the keys in and waits for its configuration.
      packages.aarch64-linux.cm4-image = nixos-generators.nixosGenerate {
        system = "aarch64-linux";
        format = "sd-aarch64";
        modules = [
          ./hardware/cm4.nix
          ./images/first-boot.nix
        ];
      };
    };
}
