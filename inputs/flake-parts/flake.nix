{
  description = "Flakes as modules, with the options of flake-parts";

  inputs.nixpkgs-lib.url = "hostwright:debian";

  outputs = { self, nixpkgs-lib }: {
    lib = import ./lib.nix { inherit (nixpkgs-lib) lib; };
    flakeModules = {
      easyOverlay = ./easy-overlay.nix;
      flakeModules = ./flake-modules.nix;
    };
  };
}
