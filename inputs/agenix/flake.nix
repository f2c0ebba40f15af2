{
  description = "The options of agenix";

  inputs.nixpkgs.url = "hostwright:debian";

  outputs = _: {
    nixosModules = rec {
      age = ./module.nix;
      default = age;
    };
  };
}
