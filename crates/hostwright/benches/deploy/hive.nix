# Hosts as `hosts.json` says, for whatever reads colmena's hives. A system is one small derivation, so that what is measured is what a
# deploy adds to building.
let
  hosts = builtins.fromJSON (builtins.readFile ./hosts.json);

  system =
    name: deployed:
    derivation {
      name = "nixos-system-${name}-25.11";
      system = builtins.currentSystem;
      builder = "/bin/sh";
      args = [
        "-c"
        ''
          export PATH=$PATH:/usr/bin:/bin
          mkdir -p $out/bin $out/etc
          printf %s "$program" >$out/bin/switch-to-configuration
          chmod +x $out/bin/switch-to-configuration
          printf %s "$deployed" >$out/etc/deployed
        ''
      ];
      inherit deployed;
      program = builtins.readFile ./switch-to-configuration;
    };
in
{
  meta.nixpkgs = import ./nixpkgs;
}
// builtins.mapAttrs (name: host: {
  inherit (host) deployment;
  system.build.toplevel = system name host.deployed;
}) hosts
