# Docker.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.virtualisation.docker;
  json = pkgs.formats.json { };
in
{
  options.virtualisation.docker = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether containers are run by Docker. Users of the group `docker` may do it, and are as good as root.";
    };
    package = mkOption {
      type = types.package;
      default = pkgs.docker;
      defaultText = lib.literalExpression "pkgs.docker";
      description = "Docker.";
    };
    enableOnBoot = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the daemon starts at boot, so that containers that want it do, and not when it is first asked for.";
    };
    listenOptions = mkOption {
      type = types.listOf types.str;
      default = [ "/run/docker.sock" ];
      description = "Where the daemon listens.";
    };
    daemon.settings = mkOption {
      type = types.submodule {
        freeformType = json.type;
        options.live-restore = mkOption {
          type = types.bool;
          default = true;
          description = "Whether containers go on while the daemon restarts.";
        };
      };
      default = { };
      example = {
        ipv6 = true;
      };
      description = "Settings of /etc/docker/daemon.json.";
    };
    storageDriver = mkOption {
      type = types.nullOr (
        types.enum [
          "btrfs"
          "overlay2"
          "zfs"
        ]
      );
      default = null;
      description = "How images are stored; Docker decides if null.";
    };
    logDriver = mkOption {
      type = types.enum [
        "none"
        "json-file"
        "syslog"
        "journald"
        "local"
      ];
      default = "journald";
      description = "Where the output of containers goes.";
    };
    extraOptions = mkOption {
      type = types.separatedString " ";
      default = "";
      description = "Further arguments of the daemon.";
    };
    extraPackages = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "Further packages for the daemon.";
    };
    liveRestore = mkOption {
      type = types.bool;
      default = cfg.daemon.settings.live-restore;
      defaultText = lib.literalExpression "config.virtualisation.docker.daemon.settings.live-restore";
      internal = true;
      description = "Whether containers go on while the daemon restarts.";
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
        description = "Arguments of `docker system prune`.";
      };
      dates = mkOption {
        type = types.str;
        default = "weekly";
        description = "When; see {manpage}`systemd.time(7)`.";
      };
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [
      "docker-cli"
      "docker.io"
      "iptables"
    ];
    environment.systemPackages = cfg.extraPackages;
    users.groups.docker = { };

    boot.kernelModules = [
      "bridge"
      "br_netfilter"
      "veth"
    ];
    boot.kernel.sysctl = {
      "net.ipv4.conf.all.forwarding" = lib.mkOverride 98 true;
      "net.ipv4.conf.default.forwarding" = lib.mkOverride 98 true;
    };

    virtualisation.docker.daemon.settings = {
      group = "docker";
      hosts = [ "fd://" ];
      log-driver = lib.mkDefault cfg.logDriver;
      storage-driver = lib.mkIf (cfg.storageDriver != null) (lib.mkDefault cfg.storageDriver);
    };
    environment.etc."docker/daemon.json".source = json.generate "daemon.json" cfg.daemon.settings;

    systemd.services.docker = {
      overrideStrategy = "asDropin";
      wantedBy = lib.optional cfg.enableOnBoot "multi-user.target";
      restartTriggers = [ config.environment.etc."docker/daemon.json".source ];
      # Its arguments name the socket, which the settings do already.
      serviceConfig.ExecStart = [
        ""
        "/usr/sbin/dockerd ${cfg.extraOptions}"
      ];
    };
    systemd.sockets.docker = {
      description = "Docker Socket for the API";
      wantedBy = [ "sockets.target" ];
      socketConfig = {
        ListenStream = cfg.listenOptions;
        SocketMode = "0660";
        SocketUser = "root";
        SocketGroup = "docker";
      };
    };

    systemd.services.docker-prune = lib.mkIf cfg.autoPrune.enable {
      description = "Prune docker resources";
      restartIfChanged = false;
      unitConfig.X-StopOnRemoval = false;
      serviceConfig.Type = "oneshot";
      script = "/usr/bin/docker system prune -f ${toString cfg.autoPrune.flags}";
      startAt = cfg.autoPrune.dates;
      after = [ "docker.service" ];
      requires = [ "docker.service" ];
    };
  };
}
