# Caddy: a web server that gets its certificates itself.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.caddy;

  virtualHostModule =
    { name, ... }:
    {
      options = {
        hostName = mkOption {
          type = types.str;
          default = name;
          description = "The name that the site is asked for by.";
        };
        serverAliases = mkOption {
          type = types.listOf types.str;
          default = [ ];
          example = [ "www.example.org" ];
          description = "Further names.";
        };
        listenAddresses = mkOption {
          type = types.listOf types.str;
          default = [ ];
          example = [
            "127.0.0.1"
            "::1"
          ];
          description = "Addresses that the site is served on; all if empty.";
        };
        useACMEHost = mkOption {
          type = types.enum [ null ];
          default = null;
          description = "Whose certificate of {option}`security.acme` is used; Caddy gets its own here.";
        };
        logFormat = mkOption {
          type = types.nullOr types.lines;
          default = "output file ${cfg.logDir}/access-${lib.replaceStrings [ "/" " " ] [ "_" "_" ] name}.log";
          defaultText = lib.literalMD "a file for the site in {option}`services.caddy.logDir`";
          description = "What the site's log is and where; none if null.";
        };
        extraConfig = mkOption {
          type = types.lines;
          default = "";
          example = ''
            encode gzip
            root /srv/http
          '';
          description = "What the site is, in the form of a Caddyfile.";
        };
      };
    };

  site =
    host:
    ''
      ${lib.concatStringsSep " " ([ host.hostName ] ++ host.serverAliases)} {
        ${lib.optionalString (host.listenAddresses != [ ]) "bind ${lib.concatStringsSep " " host.listenAddresses}"}
        ${lib.optionalString (host.logFormat != null) ''
          log {
            ${host.logFormat}
          }
        ''}
        ${host.extraConfig}
      }
    '';

  globals = lib.concatStringsSep "\n" (
    lib.filter (line: line != "") [
      (lib.optionalString (cfg.email != null) "email ${cfg.email}")
      (lib.optionalString (cfg.acmeCA != null) "acme_ca ${cfg.acmeCA}")
      "log {\n  ${cfg.logFormat}\n}"
      cfg.globalConfig
    ]
  );

  caddyfile = pkgs.writeText "Caddyfile" ''
    {
    ${globals}
    }
    ${cfg.extraConfig}
    ${lib.concatMapStringsSep "\n" site (lib.attrValues cfg.virtualHosts)}
  '';

  adapter = lib.optionalString (cfg.adapter != null) "--adapter ${cfg.adapter}";
  arguments = "--config /etc/caddy/caddy_config ${adapter}";
in
{
  options.services.caddy = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether Caddy serves sites.";
    };
    package = mkOption {
      type = types.package;
      default = pkgs.caddy;
      defaultText = lib.literalExpression "pkgs.caddy";
      description = "Caddy.";
    };
    user = mkOption {
      type = types.str;
      default = "caddy";
      description = "The user that Caddy runs as.";
    };
    group = mkOption {
      type = types.str;
      default = "caddy";
      description = "The group that Caddy runs as.";
    };
    dataDir = mkOption {
      type = types.path;
      default = "/var/lib/caddy";
      description = "Where certificates are kept.";
    };
    logDir = mkOption {
      type = types.path;
      default = "/var/log/caddy";
      description = "Where logs are.";
    };
    logFormat = mkOption {
      type = types.lines;
      default = "level ERROR";
      example = ''
        output stdout
        format console
      '';
      description = "What the server's own log is and where.";
    };
    configFile = mkOption {
      type = types.path;
      default = caddyfile;
      defaultText = lib.literalMD "made from the other options";
      description = "The whole configuration; the other options have no effect then.";
    };
    adapter = mkOption {
      type = types.nullOr types.str;
      default = if baseNameOf cfg.configFile == "Caddyfile" || lib.hasSuffix "-Caddyfile" (baseNameOf cfg.configFile) then "caddyfile" else null;
      defaultText = lib.literalMD "`caddyfile` for a Caddyfile, else null";
      description = "The form of {option}`services.caddy.configFile`, if it is not Caddy's JSON.";
    };
    resume = mkOption {
      type = types.bool;
      default = false;
      description = "Whether changes made while it runs outlive a restart.";
    };
    globalConfig = mkOption {
      type = types.lines;
      default = "";
      example = ''
        servers {
          protocols h1 h2
        }
      '';
      description = "Global options, in the form of a Caddyfile.";
    };
    extraConfig = mkOption {
      type = types.lines;
      default = "";
      description = "What stands between global options and sites.";
    };
    virtualHosts = mkOption {
      type = types.attrsOf (types.submodule virtualHostModule);
      default = { };
      description = "Sites, by name.";
    };
    acmeCA = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "https://acme-v02.api.letsencrypt.org/directory";
      description = "Who signs certificates; those that Caddy knows if null.";
    };
    email = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "The address that whoever signs certificates may write to.";
    };
    enableReload = mkOption {
      type = types.bool;
      default = true;
      description = "Whether a change is taken up without a restart.";
    };
    environmentFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = "/run/secrets/caddy.env";
      description = "A file on the host with environment variables, for secrets.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [ "caddy" ] ++ cfg.package.debianPackages or [ ];
    environment.etc."caddy/caddy_config".source = cfg.configFile;

    users.users = lib.optionalAttrs (cfg.user == "caddy") {
      caddy = {
        isSystemUser = true;
        group = cfg.group;
        home = cfg.dataDir;
        description = "Caddy web server";
      };
    };
    users.groups = lib.optionalAttrs (cfg.group == "caddy") { caddy = { }; };

    # HTTP/3 wants larger buffers (Caddy's documentation, "UDP buffer sizes").
    boot.kernel.sysctl = {
      "net.core.rmem_max" = lib.mkDefault 2500000;
      "net.core.wmem_max" = lib.mkDefault 2500000;
    };

    systemd.services.caddy = {
      overrideStrategy = "asDropin";
      wantedBy = [ "multi-user.target" ];
      reloadTriggers = lib.optional cfg.enableReload cfg.configFile;
      restartTriggers = lib.optional (!cfg.enableReload) cfg.configFile;
      serviceConfig = {
        ExecStart = [
          ""
          "/usr/bin/caddy run ${arguments} ${lib.optionalString cfg.resume "--resume"}"
        ];
        ExecReload = [
          ""
          "/usr/bin/caddy reload ${arguments} --force"
        ];
        User = cfg.user;
        Group = cfg.group;
        StateDirectory = lib.mkIf (cfg.dataDir == "/var/lib/caddy") [ "caddy" ];
        LogsDirectory = lib.mkIf (cfg.logDir == "/var/log/caddy") [ "caddy" ];
        ReadWritePaths = [
          cfg.dataDir
          cfg.logDir
        ];
        EnvironmentFile = lib.mkIf (cfg.environmentFile != null) cfg.environmentFile;
        Restart = "on-failure";
        RestartSec = "5s";
        NoNewPrivileges = true;
        PrivateDevices = true;
        ProtectHome = true;
      };
    };
  };
}
