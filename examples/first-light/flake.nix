{
  description = "Two hosts on two architectures, from one configuration";

  inputs.nixpkgs.url = "hostwright:debian";

  outputs =
    { nixpkgs, ... }:
    {
      nixosConfigurations = {
        alpha = nixpkgs.lib.nixosSystem {
          modules = [
            ./common.nix
            ./alpha.nix
          ];
        };

        beta = nixpkgs.lib.nixosSystem {
          modules = [
            ./common.nix
            ./beta.nix
          ];
        };
      };
    };
}
