{
  description = "A first card for a board without a screen: it joins the network and lets a key in";

  inputs.nixpkgs.url = "hostwright:debian";

  outputs =
    { nixpkgs, ... }:
    {
      nixosConfigurations.card = nixpkgs.lib.nixosSystem {
        modules = [
          "${nixpkgs}/nixos/modules/installer/sd-card/sd-image-aarch64-installer.nix"
          "${nixpkgs}/nixos/modules/profiles/headless.nix"
          ./card.nix
        ];
      };
    };
}
