{
  description = "What boards and processors need, by the names of nixos-hardware";

  outputs = _: {
    nixosModules = {
      common-cpu-amd = ./common/cpu-amd.nix;
      common-cpu-intel = ./common/cpu-intel.nix;
      common-cpu-intel-cpu-only = ./common/cpu-intel.nix;
      common-pc = ./common/pc.nix;
      common-pc-ssd = ./common/ssd.nix;
      raspberry-pi-3 = ./raspberry-pi/3.nix;
      raspberry-pi-4 = ./raspberry-pi/4.nix;
      raspberry-pi-5 = ./raspberry-pi/5.nix;
    };
  };
}
