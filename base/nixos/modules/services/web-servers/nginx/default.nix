# nginx: a web server and proxy.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.nginx;

  line = text: value: lib.optionalString (value != null) "${text} ${toString value};\n";
  flag =
    description:
    mkOption {
      type = types.bool;
      default = false;
      inherit description;
    };
  lines =
    description:
    mkOption {
      type = types.lines;
      default = "";
      inherit description;
    };

  # Who asks, and how (nginx's documentation, ngx_http_proxy_module).
  proxyHeaders = ''
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $host;
    proxy_set_header X-Forwarded-Server $hostname;
  '';

  locationText =
    path: location:
    let
      headers =
        if location.recommendedProxySettings == null then
          cfg.recommendedProxySettings
        else
          location.recommendedProxySettings;
    in
    ''
      location ${path} {
        ${line "proxy_pass" location.proxyPass}${
          lib.optionalString location.proxyWebsockets ''
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
          ''
        }${lib.optionalString (location.proxyPass != null && headers) proxyHeaders}${line "root" location.root}${line "alias" location.alias}${line "index" location.index}${line "try_files" location.tryFiles}${line "return" location.return}${authentication location.basicAuthFile}${
          lib.concatStrings (
            lib.mapAttrsToList (name: value: "fastcgi_param ${name} \"${toString value}\";\n") location.fastcgiParams
          )
        }${location.extraConfig}
      }
    '';

  authentication =
    file: lib.optionalString (file != null) "auth_basic secured;\nauth_basic_user_file ${file};\n";

  locationsText =
    locations:
    lib.concatMapStrings ({ name, value }: locationText name value) (
      lib.sort (a: b: a.value.priority < b.value.priority) (lib.attrsToList locations)
    );

  sites = lib.mapAttrs (
    name: site: site // { serverName = if site.serverName == null then name else site.serverName; }
  ) cfg.virtualHosts;

  hasTLS = site: site.addSSL || site.onlySSL || site.forceSSL;
  certificateOf = site: if site.useACMEHost != null then site.useACMEHost else site.serverName;
  byACME = site: site.enableACME || site.useACMEHost != null;

  siteText =
    site:
    let
      addresses =
        if site.listenAddresses != [ ] then
          site.listenAddresses
        else
          [ "0.0.0.0" ] ++ lib.optional config.networking.enableIPv6 "[::]";
      at = port: ssl: map (addr: {
        inherit addr port ssl;
        proxyProtocol = false;
        extraParameters = [ ];
      }) addresses;
      plain = at cfg.defaultHTTPListenPort false;
      encrypted = at cfg.defaultSSLListenPort true;
      listen =
        if site.listen != [ ] then
          site.listen
        else
          lib.optionals (!site.onlySSL && !site.forceSSL) plain ++ lib.optionals (hasTLS site) encrypted;
      listenLine =
        entry:
        "listen ${
          lib.concatStringsSep " " (
            [ (entry.addr + lib.optionalString (entry.port != null) ":${toString entry.port}") ]
            ++ lib.optional entry.ssl "ssl"
            ++ lib.optional site.default "default_server"
            ++ lib.optional entry.proxyProtocol "proxy_protocol"
            ++ entry.extraParameters
          )
        };\n";
      names = "server_name ${lib.concatStringsSep " " ([ site.serverName ] ++ site.serverAliases)};\n";
      proofs = lib.optionalString (byACME site && site.acmeRoot != null) ''
        location ^~ /.well-known/acme-challenge/ {
          root ${site.acmeRoot};
          auth_basic off;
        }
      '';
      directory = "${config.security.acme.directory or "/var/lib/acme"}/${certificateOf site}";
      certificate =
        if byACME site then
          {
            chain = "${directory}/fullchain.pem";
            key = "${directory}/key.pem";
            trusted = "${directory}/chain.pem";
          }
        else
          {
            chain = site.sslCertificate;
            key = site.sslCertificateKey;
            trusted = site.sslTrustedCertificate;
          };
    in
    lib.optionalString site.forceSSL ''
      server {
        ${lib.concatMapStrings listenLine plain}${names}${proofs}
        location / {
          return ${toString site.redirectCode} https://$host$request_uri;
        }
      }
    ''
    + ''
      server {
        ${lib.concatMapStrings listenLine listen}${names}${proofs}
        ${lib.optionalString (hasTLS site) (
          lib.optionalString site.http2 "http2 on;\n"
          + line "ssl_certificate" certificate.chain
          + line "ssl_certificate_key" certificate.key
          + line "ssl_trusted_certificate" certificate.trusted
        )}${line "root" site.root}${
          lib.optionalString (
            site.globalRedirect != null
          ) "location / {\n  return ${toString site.redirectCode} http${lib.optionalString (hasTLS site) "s"}://${site.globalRedirect}$request_uri;\n}\n"
        }${authentication site.basicAuthFile}${locationsText site.locations}${site.extraConfig}
      }
    '';

  upstreamText = name: upstream: ''
    upstream ${name} {
      ${lib.concatStrings (
        lib.mapAttrsToList (
          server: parameters:
          "server ${server}${
            lib.concatStrings (
              lib.mapAttrsToList (
                key: value: if value == true then " ${key}" else lib.optionalString (value != false) " ${key}=${toString value}"
              ) parameters
            )
          };\n"
        ) upstream.servers
      )}${upstream.extraConfig}
    }
  '';

  # The versions and ciphers of Mozilla's intermediate level (wiki.mozilla.org, Server Side TLS 5.7).
  tlsSettings = ''
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
    ssl_session_cache shared:SSL:10m;
    ssl_session_timeout 1d;
    ssl_session_tickets off;
    ssl_prefer_server_ciphers off;
  '';

  configuration = pkgs.writeText "nginx.conf" ''
    pid /run/nginx/nginx.pid;
    error_log ${cfg.logError};
    daemon off;
    include /usr/share/nginx/modules-available/*.conf;
    ${cfg.config}
    ${cfg.prependConfig}
    ${lib.optionalString (cfg.config == "") ''
      events {
        ${cfg.eventsConfig}
      }
      http {
        include /etc/nginx/mime.types;
        default_type application/octet-stream;
        server_tokens ${if cfg.serverTokens then "on" else "off"};
        client_max_body_size ${cfg.clientMaxBodySize};
        access_log /var/log/nginx/access.log;
        map $http_upgrade $connection_upgrade {
          default upgrade;
          "" close;
        }
        ${lib.optionalString cfg.recommendedOptimisation ''
          sendfile on;
          tcp_nopush on;
          tcp_nodelay on;
          keepalive_timeout 65;
          types_hash_max_size 4096;
        ''}${lib.optionalString cfg.recommendedGzipSettings ''
          gzip on;
          gzip_static on;
          gzip_vary on;
          gzip_proxied any;
          gzip_types text/plain text/css text/javascript text/xml application/json application/javascript application/xml application/atom+xml image/svg+xml;
        ''}${lib.optionalString cfg.recommendedTlsSettings tlsSettings}${lib.optionalString cfg.recommendedProxySettings ''
          proxy_redirect off;
          proxy_connect_timeout ${cfg.proxyTimeout};
          proxy_send_timeout ${cfg.proxyTimeout};
          proxy_read_timeout ${cfg.proxyTimeout};
          proxy_http_version 1.1;
        ''}${cfg.commonHttpConfig}
        ${lib.concatStrings (lib.mapAttrsToList upstreamText cfg.upstreams)}
        ${lib.concatMapStrings siteText (lib.attrValues sites)}
        ${lib.optionalString cfg.statusPage ''
          server {
            listen 127.0.0.1:${toString cfg.defaultHTTPListenPort};
            server_name localhost;
            location /nginx_status {
              stub_status on;
              access_log off;
              allow 127.0.0.1;
              deny all;
            }
          }
        ''}${cfg.appendHttpConfig}
      }
      ${lib.optionalString (cfg.streamConfig != "") ''
        stream {
          ${cfg.streamConfig}
        }
      ''}
    ''}
    ${cfg.appendConfig}
  '';

  check = "/usr/sbin/nginx -t -q -c /etc/nginx/nginx.conf";
in
{
  options.services.nginx = {
    enable = flag "Whether nginx serves sites.";
    package = mkOption {
      type = types.package;
      default = pkgs.nginx;
      defaultText = lib.literalExpression "pkgs.nginx";
      description = "nginx.";
    };
    additionalModules = mkOption {
      type = types.listOf types.package;
      default = [ ];
      example = lib.literalExpression "[ pkgs.libnginx-mod-http-brotli-filter ]";
      description = "Further modules: Debian's packages of the name `libnginx-mod-…`.";
    };
    user = mkOption {
      type = types.str;
      default = "nginx";
      description = "The user that nginx runs as.";
    };
    group = mkOption {
      type = types.str;
      default = "nginx";
      description = "The group that nginx runs as.";
    };
    recommendedOptimisation = flag "Whether files are sent as fast as the kernel can.";
    recommendedGzipSettings = flag "Whether texts are compressed.";
    recommendedTlsSettings = flag "Whether old ways to encrypt are refused.";
    recommendedProxySettings = flag "Whether servers behind this one are told who asks and how.";
    proxyTimeout = mkOption {
      type = types.str;
      default = "60s";
      description = "How long servers behind this one may take, with {option}`services.nginx.recommendedProxySettings`.";
    };
    defaultHTTPListenPort = mkOption {
      type = types.port;
      default = 80;
      description = "The port of sites without TLS.";
    };
    defaultSSLListenPort = mkOption {
      type = types.port;
      default = 443;
      description = "The port of sites with TLS.";
    };
    serverTokens = flag "Whether the server tells its version.";
    clientMaxBodySize = mkOption {
      type = types.str;
      default = "10m";
      description = "How much somebody may send at once.";
    };
    logError = mkOption {
      type = types.str;
      default = "stderr";
      description = "Where errors are logged, and from which level on.";
    };
    config = lines "The whole configuration; the other options have no effect then.";
    prependConfig = lines "What stands first.";
    appendConfig = lines "What stands last.";
    eventsConfig = lines "Lines of the block `events`.";
    commonHttpConfig = lines "Lines of the block `http` before the sites.";
    appendHttpConfig = lines "Lines of the block `http` after the sites.";
    streamConfig = lines "Lines of the block `stream`.";
    statusPage = flag "Whether {command}`curl localhost/nginx_status` tells how busy the server is.";
    enableReload = mkOption {
      type = types.bool;
      default = true;
      description = "Whether a change is taken up without a restart.";
    };
    upstreams = mkOption {
      type = types.attrsOf (
        types.submodule {
          options = {
            servers = mkOption {
              type = types.attrsOf (
                types.attrsOf (
                  types.oneOf [
                    types.bool
                    types.int
                    types.str
                  ]
                )
              );
              default = { };
              example = {
                "127.0.0.1:8000" = { };
                "127.0.0.1:8001".backup = true;
              };
              description = "Servers with their parameters.";
            };
            extraConfig = lines "Further lines.";
          };
        }
      );
      default = { };
      description = "Groups of servers behind this one, by name.";
    };
    virtualHosts = mkOption {
      type = types.attrsOf (types.submodule ./vhost-options.nix);
      default = { };
      example = lib.literalExpression ''{ "example.org".root = "/srv/http"; }'';
      description = "Sites, by name.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages =
      [ "nginx" ]
      ++ lib.optional (cfg.streamConfig != "") "libnginx-mod-stream"
      ++ lib.concatMap (module: module.debianPackages) cfg.additionalModules
      ++ cfg.package.debianPackages or [ ];
    environment.etc."nginx/nginx.conf".source = configuration;

    users.users = lib.optionalAttrs (cfg.user == "nginx") {
      nginx = {
        isSystemUser = true;
        group = cfg.group;
        description = "nginx web server";
      };
    };
    users.groups = lib.optionalAttrs (cfg.group == "nginx") { nginx = { }; };

    security.acme.certs = lib.mkMerge (
      map (
        site:
        lib.mkIf site.enableACME {
          ${site.serverName} = {
            extraDomainNames = site.serverAliases;
            webroot = lib.mkDefault site.acmeRoot;
            group = lib.mkDefault cfg.group;
            reloadServices = [ "nginx.service" ];
          };
        }
      ) (lib.attrValues sites)
    );

    systemd.services.nginx = {
      description = "Nginx Web Server";
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      reloadTriggers = lib.optional cfg.enableReload configuration;
      restartTriggers = lib.optional (!cfg.enableReload) configuration;
      stopIfChanged = false;
      serviceConfig = {
        Type = "simple";
        ExecStartPre = check;
        ExecStart = "/usr/sbin/nginx -c /etc/nginx/nginx.conf";
        ExecReload = [
          check
          "/usr/bin/kill -HUP $MAINPID"
        ];
        User = cfg.user;
        Group = cfg.group;
        RuntimeDirectory = "nginx";
        RuntimeDirectoryMode = "0750";
        CacheDirectory = "nginx";
        # Debian's nginx keeps there what it passes on.
        StateDirectory = "nginx";
        LogsDirectory = "nginx";
        AmbientCapabilities = [ "CAP_NET_BIND_SERVICE" ];
        CapabilityBoundingSet = [ "CAP_NET_BIND_SERVICE" ];
        NoNewPrivileges = true;
        ProtectSystem = "strict";
        ProtectHome = lib.mkDefault true;
        PrivateTmp = true;
        PrivateDevices = true;
        Restart = "always";
        RestartSec = "10s";
        UMask = "0027";
      };
    };

    assertions =
      lib.concatMap (
        site:
        let
          place = "services.nginx.virtualHosts.\"${site.serverName}\"";
        in
        [
          {
            assertion = !(site.enableACME && site.useACMEHost != null);
            message = "${place}: enableACME and useACMEHost exclude each other; leave one out.";
          }
          {
            assertion =
              lib.length (
                lib.filter lib.id [
                  site.addSSL
                  site.onlySSL
                  site.forceSSL
                ]
              ) <= 1;
            message = "${place}: addSSL, onlySSL and forceSSL exclude each other; leave all but one out.";
          }
          {
            assertion =
              hasTLS site -> byACME site || (site.sslCertificate != null && site.sslCertificateKey != null);
            message = "${place}: TLS needs a certificate; set enableACME, or sslCertificate and sslCertificateKey.";
          }
        ]
      ) (lib.attrValues sites);
  };
}
