# podman: containers without a daemon.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.virtualisation.podman;
  json = pkgs.formats.json { };

  dockerCommand = pkgs.writeScript "docker" ''
    #!/bin/sh
    # podman under docker's name.
    exec /usr/bin/podman "$@"
  '';
in
{
  options.virtualisation.podman = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether containers are run by podman.";
    };
    package = mkOption {
      type = types.package;
      default = pkgs.podman;
      defaultText = lib.literalExpression "pkgs.podman";
      description = "podman.";
    };
    dockerCompat = mkOption {
      type = types.bool;
      default = false;
      description = "Whether podman is there under the name `docker` too.";
    };
    dockerSocket.enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether podman's socket is at docker's place. Whoever may use it is root.";
    };
    extraPackages = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "Further packages for podman.";
    };
    extraRuntimes = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "Further programs that run containers.";
    };
    autoPrune = {
      enable = mkOption {
        type = types.bool;
        default = false;
        description = "Whether what no container uses is removed at regular times.";
      };
      flags = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "--all" ];
        description = "Arguments of `podman system prune`.";
      };
      dates = mkOption {
        type = types.str;
        default = "weekly";
        description = "When; see {manpage}`systemd.time(7)`.";
      };
    };
    defaultNetwork.settings = mkOption {
      type = json.type;
      default = { };
      example = {
        dns_enabled = true;
      };
      description = "Settings of the network that containers are in unless they say otherwise.";
    };
    networkSocket.enable = mkOption {
      type = types.enum [ false ];
      default = false;
      description = "Whether podman is reached over the network with certificates, by another server that Debian's base does not set up.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [
      "aardvark-dns"
      "crun"
      "fuse-overlayfs"
      "netavark"
      "nftables"
      "passt"
      "podman"
      "uidmap"
    ];
    environment.systemPackages = cfg.extraPackages ++ cfg.extraRuntimes;

    virtualisation.containers = {
      enable = true;
      containersConf.settings.network.network_backend = "netavark";
    };

    system.debian.usrEntries = lib.optionals cfg.dockerCompat [
      {
        path = "bin/docker";
        source = "${dockerCommand}";
        mode = "0755";
      }
    ];

    environment.etc."containers/networks/podman.json".text = builtins.toJSON (
      {
        dns_enabled = false;
        driver = "bridge";
        # A name that another network never has: this is podman's own default network.
        id = "0000000000000000000000000000000000000000000000000000000000000000";
        internal = false;
        ipam_options.driver = "host-local";
        ipv6_enabled = false;
        name = "podman";
        network_interface = "podman0";
        subnets = [
          {
            gateway = "10.88.0.1";
            subnet = "10.88.0.0/16";
          }
        ];
      }
      // cfg.defaultNetwork.settings
    );

    # Names of containers are asked for on the bridge.
    networking.firewall.interfaces = lib.mkIf (cfg.defaultNetwork.settings.dns_enabled or false) {
      podman0.allowedUDPPorts = [ 53 ];
    };

    users.groups.podman = { };

    systemd.sockets.podman = {
      overrideStrategy = "asDropin";
      wantedBy = [ "sockets.target" ];
      socketConfig.SocketGroup = "podman";
    };

    systemd.tmpfiles.rules = lib.optionals cfg.dockerSocket.enable [
      "L+ /run/docker.sock - - - - /run/podman/podman.sock"
    ];

    systemd.services.podman-prune = lib.mkIf cfg.autoPrune.enable {
      description = "Prune podman resources";
      restartIfChanged = false;
      unitConfig.X-StopOnRemoval = false;
      serviceConfig.Type = "oneshot";
      script = "/usr/bin/podman system prune -f ${toString cfg.autoPrune.flags}";
      startAt = cfg.autoPrune.dates;
    };

    assertions = [
      {
        assertion = cfg.dockerCompat -> !config.virtualisation.docker.enable;
        message = "virtualisation.podman.dockerCompat and virtualisation.docker.enable both have a program `docker`.";
      }
      {
        assertion = cfg.dockerSocket.enable -> !config.virtualisation.docker.enable;
        message = "virtualisation.podman.dockerSocket and virtualisation.docker.enable both have a socket at the same place.";
      }
    ];
  };
}
