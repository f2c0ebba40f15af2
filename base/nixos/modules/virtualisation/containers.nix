# What container programs share: where images come from and how containers are run.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.virtualisation.containers;
  toml = pkgs.formats.toml { };
in
{
  options.virtualisation.containers = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether /etc/containers has the settings below.";
    };
    containersConf.settings = mkOption {
      type = toml.type;
      default = { };
      description = "Settings of {manpage}`containers.conf(5)`.";
    };
    containersConf.cniPlugins = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "Plugins for networks of the older kind; Debian's podman has netavark.";
    };
    storage.settings = mkOption {
      type = toml.type;
      default = {
        storage = {
          driver = "overlay";
          graphroot = "/var/lib/containers/storage";
          runroot = "/run/containers/storage";
        };
      };
      description = "Settings of {manpage}`containers-storage.conf(5)`.";
    };
    registries = {
      search = mkOption {
        type = types.listOf types.str;
        default = [
          "docker.io"
          "quay.io"
        ];
        description = "Registries that names without one are looked up in.";
      };
      insecure = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "Registries that are reached without encryption.";
      };
      block = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "Registries that nothing is taken from.";
      };
    };
    policy = mkOption {
      type = types.attrs;
      default = { };
      description = "Which images are trusted, as {manpage}`containers-policy.json(5)` has it; all if empty.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.etc = {
      "containers/containers.conf".source = toml.generate "containers.conf" cfg.containersConf.settings;
      "containers/storage.conf".source = toml.generate "storage.conf" cfg.storage.settings;
      "containers/registries.conf".source = toml.generate "registries.conf" {
        unqualified-search-registries = cfg.registries.search;
        registry =
          map (location: {
            inherit location;
            insecure = true;
          }) cfg.registries.insecure
          ++ map (location: {
            inherit location;
            blocked = true;
          }) cfg.registries.block;
      };
      "containers/policy.json".text = builtins.toJSON (
        if cfg.policy != { } then
          cfg.policy
        else
          {
            default = [ { type = "insecureAcceptAnything"; } ];
            transports.docker-daemon."" = [ { type = "insecureAcceptAnything"; } ];
          }
      );
    };

    assertions = [
      {
        assertion = cfg.containersConf.cniPlugins == [ ];
        message = "virtualisation.containers.containersConf.cniPlugins: Debian's podman makes networks by netavark; leave the option out.";
      }
    ];
  };
}
