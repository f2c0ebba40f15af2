{
  description = "A host that is switched from one configuration to others";

  inputs.nixpkgs.url = "hostwright:debian";

  outputs =
    { nixpkgs, ... }:
    {
      nixosConfigurations.switcher = nixpkgs.lib.nixosSystem {
        modules = [
          ./host.nix
          ./units.nix
          ./specialisations.nix
        ];
      };
    };
}
