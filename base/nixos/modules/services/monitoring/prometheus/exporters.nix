# Programs that tell Prometheus about the host.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.prometheus.exporters.node;

  collectors =
    description:
    mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "systemd" ];
      inherit description;
    };

  address = if lib.hasInfix ":" cfg.listenAddress then "[${cfg.listenAddress}]" else cfg.listenAddress;
in
{
  options.services.prometheus.exporters.node = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the state of the host can be asked for.";
    };
    port = mkOption {
      type = types.port;
      default = 9100;
      description = "The port.";
    };
    listenAddress = mkOption {
      type = types.str;
      default = "0.0.0.0";
      description = "The address that is listened on.";
    };
    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the port is open.";
    };
    enabledCollectors = collectors "What is told besides the usual.";
    disabledCollectors = collectors "What of the usual is not told.";
    extraFlags = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Further arguments.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [ "prometheus-node-exporter" ];

    systemd.services.prometheus-node-exporter = {
      description = "Prometheus exporter for machine metrics";
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      serviceConfig = {
        ExecStart = "/usr/bin/prometheus-node-exporter ${
          lib.escapeShellArgs (
            map (name: "--collector.${name}") cfg.enabledCollectors
            ++ map (name: "--no-collector.${name}") cfg.disabledCollectors
            ++ [ "--web.listen-address=${address}:${toString cfg.port}" ]
            ++ cfg.extraFlags
          )
        }";
        Restart = "always";
        DynamicUser = true;
        User = "node-exporter";
        ProtectHome = true;
      };
    };

    networking.firewall.allowedTCPPorts = lib.optional cfg.openFirewall cfg.port;
  };
}
