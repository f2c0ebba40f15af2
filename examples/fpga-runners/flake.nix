{
  description = "Small computers that each look after several FPGA boards and run jobs on them";

  inputs.nixpkgs.url = "hostwright:debian";

  outputs =
    { nixpkgs, ... }:
    let
      runner =
        identifier: module:
        nixpkgs.lib.nixosSystem {
          specialArgs = {
            inherit identifier;
            user = "runner";
          };
          modules = [
            ./modules/runner.nix
            ./modules/boards.nix
            module
          ];
        };
    in
    {
      nixosConfigurations = {
        runner0 = runner "0" ./runners/0.nix;
        runner1 = runner "1" ./runners/1.nix;
      };
    };
}
