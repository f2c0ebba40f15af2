{
  description = "The options of sops-nix";

  inputs.nixpkgs.url = "hostwright:debian";

  outputs = _: {
    nixosModules = rec {
      sops = ./module.nix;
      default = sops;
    };
  };
}
