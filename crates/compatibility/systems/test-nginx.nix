# A NixOS test of several machines.
{ nixpkgs }:
(import nixpkgs { system = "x86_64-linux"; }).testers.runNixOSTest {
  name = "web";
  nodes.server = {
    services.nginx.enable = true;
    networking.firewall.allowedTCPPorts = [ 80 ];
  };
  nodes.client =
    { pkgs, ... }:
    {
      environment.systemPackages = [ pkgs.curl ];
    };
  testScript = ''
    start_all()
    server.wait_for_unit("nginx")
    client.succeed("curl http://server")
  '';
}
