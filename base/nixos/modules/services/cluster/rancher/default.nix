# k3s: Kubernetes in one program.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.k3s;
  dataDirectory = "/var/lib/rancher/k3s";

  manifestModule =
    { name, config, ... }:
    {
      options = {
        enable = mkOption {
          type = types.bool;
          default = true;
          description = "Whether the manifest is there.";
        };
        target = mkOption {
          type = types.str;
          default = if lib.hasSuffix ".yaml" name || lib.hasSuffix ".json" name then name else "${name}.yaml";
          defaultText = lib.literalMD "the name of the attribute, with `.yaml`";
          description = "The file's name among the manifests.";
        };
        content = mkOption {
          type = types.nullOr (types.either types.attrs (types.listOf types.attrs));
          default = null;
          description = "The manifest, or several.";
        };
        source = mkOption {
          type = types.path;
          description = "A file with the manifest.";
        };
      };
      config.source = lib.mkIf (config.content != null) (
        lib.mkDefault (
          # JSON is YAML too; several documents become a list.
          pkgs.writeText "k3s-manifest-${lib.strings.sanitizeDerivationName name}" (
            lib.concatMapStringsSep "\n---\n" builtins.toJSON (lib.toList config.content)
          )
        )
      );
    };

  manifests = lib.filter (manifest: manifest.enable) (lib.attrValues cfg.manifests);

  flags = if builtins.isList cfg.extraFlags then lib.concatStringsSep " " cfg.extraFlags else cfg.extraFlags;

  command = lib.concatStringsSep " " (
    [
      "${cfg.package}/bin/k3s"
      cfg.role
    ]
    ++ lib.optional cfg.clusterInit "--cluster-init"
    ++ lib.optional cfg.disableAgent "--disable-agent"
    ++ lib.optional (cfg.serverAddr != "") "--server ${cfg.serverAddr}"
    ++ lib.optional (cfg.token != "") "--token ${cfg.token}"
    ++ lib.optional (cfg.tokenFile != null) "--token-file ${cfg.tokenFile}"
    ++ lib.optional (cfg.agentToken != "") "--agent-token ${cfg.agentToken}"
    ++ lib.optional (cfg.agentTokenFile != null) "--agent-token-file ${cfg.agentTokenFile}"
    ++ lib.optional (cfg.nodeName != null) "--node-name ${cfg.nodeName}"
    ++ map (label: "--node-label=${label}") cfg.nodeLabel
    ++ map (taint: "--node-taint=${taint}") cfg.nodeTaint
    ++ map (what: "--disable ${what}") cfg.disable
    ++ lib.optional (cfg.nodeIP != null) "--node-ip ${cfg.nodeIP}"
    ++ lib.optional (cfg.configPath != null) "--config ${cfg.configPath}"
    ++ lib.optional (flags != "") flags
  );

  text =
    description:
    mkOption {
      type = types.str;
      default = "";
      inherit description;
    };
  file =
    description:
    mkOption {
      type = types.nullOr types.path;
      default = null;
      inherit description;
    };
  strings =
    description:
    mkOption {
      type = types.listOf types.str;
      default = [ ];
      inherit description;
    };
in
{
  options.services.k3s = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host is a node of a Kubernetes cluster.";
    };

    package = mkOption {
      type = types.package;
      default = pkgs.k3s;
      defaultText = lib.literalExpression "pkgs.k3s";
      description = "k3s, with its program at `bin/k3s`. Debian has none; the base takes the release of those who make it.";
    };

    role = mkOption {
      type = types.enum [
        "server"
        "agent"
      ];
      default = "server";
      description = "Whether the node runs the cluster's control plane too, or work alone.";
    };

    serverAddr = text "The URL of a server of the cluster to join.";
    clusterInit = mkOption {
      type = types.bool;
      default = false;
      description = "Whether a new cluster with a replicated store (etcd) begins here.";
    };
    token = text "The secret by which nodes join. It is readable by everyone on the host and in the store; {option}`services.k3s.tokenFile` keeps it secret.";
    tokenFile = file "A file on the host with the secret by which nodes join.";
    agentToken = text "The secret by which agents join, if it is another one.";
    agentTokenFile = file "A file on the host with the secret by which agents join.";
    extraFlags = mkOption {
      type = types.either types.str (types.listOf types.str);
      default = "";
      example = [
        "--disable traefik"
        "--write-kubeconfig-mode 0644"
      ];
      description = "Further arguments of k3s.";
    };
    disableAgent = mkOption {
      type = types.bool;
      default = false;
      description = "Whether a server does no work of the cluster.";
    };
    disable = strings "Parts of the server that are left out, `traefik` for instance.";
    nodeName = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "The node's name; the host's if null.";
    };
    nodeLabel = strings "Labels of the node.";
    nodeTaint = strings "Taints of the node.";
    nodeIP = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "The node's addresses, separated by commas.";
    };
    environmentFile = file "A file on the host with environment variables of the service.";
    configPath = file "A file on the host with settings of k3s.";
    manifests = mkOption {
      type = types.attrsOf (types.submodule manifestModule);
      default = { };
      description = "Resources that the server keeps in the cluster, by name.";
    };
    gracefulNodeShutdown = {
      enable = mkOption {
        type = types.bool;
        default = false;
        description = "Whether a shutdown of the host waits for the node's work to end.";
      };
      shutdownGracePeriod = mkOption {
        type = types.nonEmptyStr;
        default = "30s";
        description = "How long it waits.";
      };
      shutdownGracePeriodCriticalPods = mkOption {
        type = types.nonEmptyStr;
        default = "10s";
        description = "How much of it is for critical work, at the end.";
      };
    };
  };

  config = lib.mkIf cfg.enable {
    # What kubelet and the network of the cluster call.
    environment.debianPackages = [
      "conntrack"
      "iptables"
      "kmod"
    ];
    environment.systemPackages = [ cfg.package ];

    boot.kernelModules = [
      "br_netfilter"
      "overlay"
    ];
    boot.kernel.sysctl = {
      "net.ipv4.ip_forward" = lib.mkDefault 1;
      "net.bridge.bridge-nf-call-iptables" = lib.mkDefault 1;
    };

    systemd.tmpfiles.rules = lib.optionals (cfg.role == "server") (
      map (
        manifest: "L+ ${dataDirectory}/server/manifests/${manifest.target} - - - - ${manifest.source}"
      ) manifests
    );

    systemd.services.k3s = {
      description = "k3s service";
      after = [
        "firewall.service"
        "network-online.target"
      ];
      wants = [
        "firewall.service"
        "network-online.target"
      ];
      wantedBy = [ "multi-user.target" ];
      serviceConfig = {
        # An agent does not tell that it is ready (k3s-io/k3s, install.sh).
        Type = if cfg.role == "agent" then "exec" else "notify";
        KillMode = "process";
        Delegate = true;
        Restart = "always";
        RestartSec = "5s";
        LimitNOFILE = 1048576;
        LimitNPROC = "infinity";
        LimitCORE = "infinity";
        TasksMax = "infinity";
        TimeoutStartSec = 0;
        EnvironmentFile = lib.mkIf (cfg.environmentFile != null) cfg.environmentFile;
        ExecStart = command;
      };
    };

    services.logind.settings.Login.InhibitDelayMaxSec = lib.mkIf cfg.gracefulNodeShutdown.enable (
      lib.mkDefault cfg.gracefulNodeShutdown.shutdownGracePeriod
    );

    assertions = [
      {
        assertion = cfg.role == "agent" -> (cfg.configPath != null || cfg.serverAddr != "");
        message = "services.k3s: an agent needs serverAddr, the server that it joins.";
      }
      {
        assertion =
          cfg.role == "agent"
          -> cfg.configPath != null || cfg.tokenFile != null || cfg.token != "" || cfg.environmentFile != null;
        message = "services.k3s: an agent needs tokenFile or token, the secret by which it joins.";
      }
      {
        assertion = cfg.role == "agent" -> !cfg.clusterInit;
        message = "services.k3s.clusterInit is for servers.";
      }
      {
        assertion = cfg.role == "agent" -> !cfg.disableAgent;
        message = "services.k3s.disableAgent is for servers.";
      }
    ];
  };
}
