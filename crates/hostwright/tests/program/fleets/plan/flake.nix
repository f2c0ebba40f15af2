# A cluster as somebody plans it who has NixOS in mind, with the inputs that such plans have.
{
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-24.11";
    sops-nix.url = "github:Mic92/sops-nix";
    nixos-generators = {
      url = "github:nix-community/nixos-generators";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    {
      self,
      nixpkgs,
      sops-nix,
      nixos-generators,
    }:
    {
      nixosConfigurations.server3 = nixpkgs.lib.nixosSystem {
        system = "aarch64-linux";
        modules = [
          sops-nix.nixosModules.sops
          ./hardware/cm4.nix
          ./hosts/common.nix
          ./hosts/server3.nix
        ];
      };

      packages.aarch64-linux.node-image = nixos-generators.nixosGenerate {
        system = "aarch64-linux";
        format = "sd-aarch64";
        modules = [
          ./hardware/cm4.nix
          ./images/base.nix
        ];
      };
    };
}
