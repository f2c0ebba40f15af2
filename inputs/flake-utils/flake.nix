{
  description = "Outputs for several systems at once, with flake-utils' functions";

  inputs.systems.url = "hostwright:systems";

  outputs = { self, systems }: {
    lib = import ./lib.nix { defaultSystems = import systems; };
  };
}
