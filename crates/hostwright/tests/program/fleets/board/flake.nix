{
  description = "A card whose host joins a wireless network, and the emulator of its board";

  inputs.nixpkgs.url = "hostwright:debian";

  outputs =
    { nixpkgs, ... }:
    {
      nixosConfigurations.card = nixpkgs.lib.nixosSystem {
        modules = [
          "${nixpkgs}/nixos/modules/installer/sd-card/sd-image-aarch64-installer.nix"
          "${nixpkgs}/nixos/modules/profiles/headless.nix"
          ./card.nix
          ./board.nix
        ];
      };

      packages = nixpkgs.lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (system: {
        emulator = nixpkgs.legacyPackages.${system}.vmTools.qemu.aarch64;
      });
    };
}
