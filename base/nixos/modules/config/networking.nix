# /etc/hosts and what else programs read about the network.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.networking;

  localNames = lib.unique (
    lib.optional (cfg.hostName != "" && cfg.domain != null) cfg.fqdn
    ++ lib.optional (cfg.hostName != "") cfg.hostName
  );

  table = lib.concatStrings (
    lib.mapAttrsToList (
      address: names: lib.optionalString (names != [ ]) "${address} ${lib.concatStringsSep " " names}\n"
    ) cfg.hosts
  );

  proxyVariables = {
    http_proxy = cfg.proxy.httpProxy;
    https_proxy = cfg.proxy.httpsProxy;
    ftp_proxy = cfg.proxy.ftpProxy;
    rsync_proxy = cfg.proxy.rsyncProxy;
    all_proxy = cfg.proxy.allProxy;
    no_proxy = cfg.proxy.noProxy;
  };
  given = lib.filterAttrs (_: value: value != null) proxyVariables;

  proxyOption =
    what: default:
    mkOption {
      type = types.nullOr types.str;
      inherit default;
      description = "The proxy for ${what}.";
    };
in
{
  options.networking = {
    hosts = mkOption {
      type = types.attrsOf (types.listOf types.str);
      default = { };
      example = {
        "192.0.2.7" = [ "printer" ];
      };
      description = "Names of addresses, in /etc/hosts.";
    };

    extraHosts = mkOption {
      type = types.lines;
      default = "";
      example = "192.0.2.7 printer";
      description = "Further lines of /etc/hosts.";
    };

    hostFiles = mkOption {
      type = types.listOf types.path;
      default = [ ];
      description = "Files whose content goes into /etc/hosts, read when the system is evaluated.";
    };

    enableLocalIPv6Hosts = mkOption {
      type = types.bool;
      internal = true;
      default = cfg.enableIPv6;
      defaultText = lib.literalExpression "config.networking.enableIPv6";
      description = "Whether `localhost` has an IPv6 address too.";
    };

    timeServers = mkOption {
      type = types.listOf types.str;
      default = [
        "0.debian.pool.ntp.org"
        "1.debian.pool.ntp.org"
        "2.debian.pool.ntp.org"
        "3.debian.pool.ntp.org"
      ];
      description = "Servers that the time comes from.";
    };

    proxy = {
      default = proxyOption "all of the below that are not set" null;
      httpProxy = proxyOption "HTTP" cfg.proxy.default;
      httpsProxy = proxyOption "HTTPS" cfg.proxy.default;
      ftpProxy = proxyOption "FTP" cfg.proxy.default;
      rsyncProxy = proxyOption "rsync" cfg.proxy.default;
      allProxy = proxyOption "everything else" cfg.proxy.default;
      noProxy = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "127.0.0.1,localhost,.home.arpa";
        description = "What is reached without a proxy.";
      };
      envVars = mkOption {
        type = types.attrs;
        internal = true;
        default = { };
        description = "The environment variables that say so.";
      };
    };
  };

  config = {
    networking.hosts = {
      "127.0.0.1" = lib.mkBefore [ "localhost" ];
      "::1" = lib.mkIf cfg.enableLocalIPv6Hosts (lib.mkBefore [ "localhost" ]);
      # The host's own name, also while it has no network.
      "127.0.0.2" = localNames;
    };

    networking.proxy.envVars = given;
    environment.sessionVariables = given;
    systemd.globalEnvironment = lib.mkIf (given != { }) given;

    environment.debianPackages = [ "netbase" ];

    environment.etc.hosts.text =
      table
      + lib.concatMapStrings (file: builtins.readFile file + "\n") cfg.hostFiles
      + lib.optionalString (cfg.extraHosts != "") (cfg.extraHosts + "\n");
  };
}
