# The same node for colmena. The module of the secrets is forgotten here.
nixpkgs: {
  meta.nixpkgs = import nixpkgs { system = "aarch64-linux"; };

  defaults =
    { ... }:
    {
      deployment.targetUser = "deploy";
      deployment.tags = [ "k3s-server" ];
    };

  server3 =
    { ... }:
    {
      deployment.targetHost = "192.0.2.3";
      deployment.tags = [ "cm4" ];
      imports = [
        ./hardware/cm4.nix
        ./hosts/common.nix
        ./hosts/server3.nix
      ];
    };
}
