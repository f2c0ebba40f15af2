# Hosts with the layout of NixOS's systems, as `hosts.json` says.
{
  outputs =
    { self }:
    let
      hosts = builtins.fromJSON (builtins.readFile ./hosts.json);
      tree =
        name: entries:
        derivation {
          inherit name entries;
          builder = "builtin:make-tree";
          system = "builtin";
          outputs = [ "out" ];
          __structuredAttrs = true;
        };
      script = path: text: {
        inherit path text;
        executable = true;
      };
      system =
        name: host:
        let
          application = tree "application-${host.version}" [
            {
              path = "share/data";
              text = builtins.concatStringsSep "" (
                builtins.genList (n: builtins.hashString "sha256" "${host.version} ${host.seed} ${toString n}") host.size
              );
            }
          ];
        in
        tree "nixos-system-${name}-25.11" (
          [
            (script "bin/switch-to-configuration" (builtins.readFile ./switch-to-configuration))
            {
              path = "etc/deployed";
              text = host.deployed;
            }
            {
              path = "etc/failed";
              text = host.failed;
            }
            {
              path = "sw/share/application";
              symlink = application;
            }
            {
              path = "kernel";
              symlink = "/kernel-${host.kernel}";
            }
            {
              path = "nixos-version";
              text = "25.11";
            }
          ]
          ++ (
            if host ? system then
              [
                {
                  path = "etc/built";
                  # Where it was built has a boot of its own.
                  source = derivation {
                    name = "built";
                    inherit (host) system;
                    builder = "/bin/sh";
                    args = [
                      "-c"
                      "read -r boot </proc/sys/kernel/random/boot_id; echo $boot >$out"
                    ];
                  };
                }
              ]
            else
              [ ]
          )
          ++ map (name: script name host.scripts.${name}) (builtins.attrNames host.scripts)
        );
    in
    {
      nixosConfigurations = builtins.mapAttrs (name: host: {
        config = {
          inherit (host) deployment;
          system.build.toplevel =
            if host ? mistake then throw host.mistake else system name host;
        };
      }) hosts;
    };
}
