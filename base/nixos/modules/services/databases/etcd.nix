# etcd: a replicated store of keys and values.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.etcd;

  list =
    default: description:
    mkOption {
      type = types.listOf types.str;
      inherit default description;
    };
  file =
    description:
    mkOption {
      type = types.nullOr types.path;
      default = null;
      inherit description;
    };
  flag =
    description:
    mkOption {
      type = types.bool;
      default = false;
      inherit description;
    };

  given = lib.filterAttrs (_: value: value != null);
in
{
  options.services.etcd = {
    enable = flag "Whether the host is a member of a replicated store.";
    name = mkOption {
      type = types.str;
      default = config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      description = "The member's name.";
    };
    dataDir = mkOption {
      type = types.path;
      default = "/var/lib/etcd";
      description = "Where the store is kept.";
    };
    listenClientUrls = list [ "http://127.0.0.1:2379" ] "Where clients are listened to.";
    listenPeerUrls = list [ "http://127.0.0.1:2380" ] "Where other members are listened to.";
    advertiseClientUrls = mkOption {
      type = types.listOf types.str;
      default = cfg.listenClientUrls;
      defaultText = lib.literalExpression "config.services.etcd.listenClientUrls";
      description = "Where clients reach the member.";
    };
    initialAdvertisePeerUrls = mkOption {
      type = types.listOf types.str;
      default = cfg.listenPeerUrls;
      defaultText = lib.literalExpression "config.services.etcd.listenPeerUrls";
      description = "Where other members reach the member.";
    };
    initialCluster = list [ "${config.networking.hostName}=http://127.0.0.1:2380" ] "All members, `NAME=URL` each." // {
      defaultText = lib.literalMD "this host alone";
    };
    initialClusterState = mkOption {
      type = types.enum [
        "new"
        "existing"
      ];
      default = "new";
      description = "Whether the members begin anew or one comes to others.";
    };
    initialClusterToken = mkOption {
      type = types.str;
      default = "etcd-cluster";
      description = "A name that tells this store from others.";
    };
    discovery = mkOption {
      type = types.str;
      default = "";
      description = "A service that members find each other by.";
    };
    certFile = file "The certificate for clients.";
    keyFile = file "The key of the certificate for clients.";
    trustedCaFile = file "Who signs clients' certificates.";
    clientCertAuth = flag "Whether clients must have a certificate.";
    peerCertFile = file "The certificate for other members.";
    peerKeyFile = file "The key of the certificate for other members.";
    peerTrustedCaFile = file "Who signs other members' certificates.";
    peerClientCertAuth = flag "Whether other members must have a certificate.";
    openFirewall = flag "Whether the ports, 2379 and 2380, are open.";
    extraConf = mkOption {
      type = types.attrsOf types.str;
      default = { };
      example = {
        CORS = "*";
      };
      description = "Further settings: the names of etcd's environment variables without `ETCD_`.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [
      "etcd-client"
      "etcd-server"
    ];

    users.users.etcd = {
      isSystemUser = true;
      group = "etcd";
      home = cfg.dataDir;
      description = "Etcd daemon user";
    };
    users.groups.etcd = { };

    systemd.tmpfiles.rules = [ "d '${cfg.dataDir}' 0700 etcd etcd -" ];

    systemd.services.etcd = {
      description = "etcd key-value store";
      wantedBy = [ "multi-user.target" ];
      after = [ "network-online.target" ];
      wants = [ "network-online.target" ];
      environment =
        given {
          ETCD_NAME = cfg.name;
          ETCD_DATA_DIR = cfg.dataDir;
          ETCD_DISCOVERY = if cfg.discovery == "" then null else cfg.discovery;
          ETCD_ADVERTISE_CLIENT_URLS = lib.concatStringsSep "," cfg.advertiseClientUrls;
          ETCD_LISTEN_CLIENT_URLS = lib.concatStringsSep "," cfg.listenClientUrls;
          ETCD_LISTEN_PEER_URLS = lib.concatStringsSep "," cfg.listenPeerUrls;
          ETCD_INITIAL_ADVERTISE_PEER_URLS = lib.concatStringsSep "," cfg.initialAdvertisePeerUrls;
          ETCD_CERT_FILE = cfg.certFile;
          ETCD_KEY_FILE = cfg.keyFile;
          ETCD_TRUSTED_CA_FILE = cfg.trustedCaFile;
          ETCD_PEER_CERT_FILE = cfg.peerCertFile;
          ETCD_PEER_KEY_FILE = cfg.peerKeyFile;
          ETCD_PEER_TRUSTED_CA_FILE = cfg.peerTrustedCaFile;
          ETCD_CLIENT_CERT_AUTH = lib.boolToString cfg.clientCertAuth;
          ETCD_PEER_CLIENT_CERT_AUTH = lib.boolToString cfg.peerClientCertAuth;
        }
        // lib.optionalAttrs (cfg.discovery == "") {
          ETCD_INITIAL_CLUSTER = lib.concatStringsSep "," cfg.initialCluster;
          ETCD_INITIAL_CLUSTER_STATE = cfg.initialClusterState;
          ETCD_INITIAL_CLUSTER_TOKEN = cfg.initialClusterToken;
        }
        // lib.mapAttrs' (name: lib.nameValuePair "ETCD_${name}") cfg.extraConf;
      serviceConfig = {
        Type = "notify";
        ExecStart = "/usr/bin/etcd";
        Restart = "always";
        RestartSec = "30s";
        User = "etcd";
        LimitNOFILE = 40000;
      };
    };

    networking.firewall.allowedTCPPorts = lib.optionals cfg.openFirewall [
      2379
      2380
    ];
  };
}
