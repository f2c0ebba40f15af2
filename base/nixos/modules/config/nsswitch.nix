# Where programs look users, groups, hosts and the like up.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  databases = config.system.nssDatabases;
  line = name: "${name}: ${lib.concatStringsSep " " databases.${name}}\n";
  sources =
    what:
    mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Where ${what} are looked up, in this order.";
    };
in
{
  options = {
    system.nssModules = mkOption {
      type = types.listOf types.package;
      internal = true;
      default = [ ];
      description = "Packages with modules that look things up.";
    };

    system.nssDatabases = {
      passwd = sources "users";
      group = sources "groups";
      shadow = sources "passwords";
      hosts = sources "names of hosts";
      services = sources "names of ports";
      sudoers = sources "rules of sudo";
    };
  };

  config = {
    environment.debianPackages = [
      "libnss-myhostname"
      "libnss-systemd"
    ]
    ++ lib.concatMap (package: package.debianPackages or [ ]) config.system.nssModules;

    system.nssDatabases = {
      passwd = lib.mkMerge [
        (lib.mkBefore [ "files" ])
        (lib.mkAfter [ "systemd" ])
      ];
      group = lib.mkMerge [
        (lib.mkBefore [ "files" ])
        (lib.mkAfter [ "systemd" ])
      ];
      shadow = lib.mkBefore [ "files" ];
      hosts = lib.mkMerge [
        (lib.mkOrder 998 [ "files" ])
        (lib.mkOrder 999 [ "myhostname" ])
        (lib.mkOrder 1499 [ "dns" ])
      ];
      services = lib.mkBefore [ "files" ];
      sudoers = lib.mkBefore [ "files" ];
    };

    environment.etc."nsswitch.conf".text =
      lib.concatMapStrings line [
        "passwd"
        "group"
        "shadow"
        "sudoers"
        "hosts"
      ]
      + ''
        gshadow: files
        networks: files
        ethers: files
      ''
      + line "services"
      + ''
        protocols: files
        rpc: files
      '';
  };
}
