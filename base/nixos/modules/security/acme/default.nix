# Certificates by ACME, with lego.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.security.acme;

  # What all certificates have in common, and each may have otherwise.
  common =
    defaultOf:
    let
      option =
        name: type: default: description:
        mkOption {
          inherit type description;
          default = defaultOf name default;
          defaultText = lib.literalExpression (builtins.toJSON default);
        };
    in
    {
      server = option "server" (types.nullOr types.str) "https://acme-v02.api.letsencrypt.org/directory" "Who signs, by the URL of its directory.";
      email = option "email" (types.nullOr types.str) null "The address that whoever signs may write to.";
      group = option "group" types.str "acme" "The group that may read certificate and key.";
      webroot = option "webroot" (types.nullOr types.str) null "Where proofs are put for a web server that is there already.";
      listenHTTP = option "listenHTTP" (types.nullOr types.str) null "The address and port on which proofs are served, for instance `:80`.";
      dnsProvider = option "dnsProvider" (types.nullOr types.str) null "The service that proofs are put into the DNS by; a name that lego knows.";
      dnsResolver = option "dnsResolver" (types.nullOr types.str) null "The server that is asked whether they are there.";
      environmentFile = option "environmentFile" (types.nullOr types.path) null "A file on the host with environment variables, for the key to the DNS service.";
      credentialFiles = option "credentialFiles" (types.attrsOf types.path) { } "Files on the host by the names of environment variables that end in `_FILE`.";
      keyType = option "keyType" types.str "ec256" "The kind of key.";
      validMinDays = option "validMinDays" types.ints.positive 30 "How many days before its end a certificate is renewed.";
      renewInterval = option "renewInterval" types.str "daily" "When it is looked at; see {manpage}`systemd.time(7)`.";
      ocspMustStaple = option "ocspMustStaple" types.bool false "Whether the certificate demands stapling.";
      postRun = option "postRun" types.lines "" "Commands that run as root after a renewal, in the certificate's directory.";
      reloadServices = option "reloadServices" (types.listOf types.str) [ ] "Services that are reloaded after a renewal.";
      extraLegoFlags = option "extraLegoFlags" (types.listOf types.str) [ ] "Further arguments of lego.";
      extraLegoRunFlags = option "extraLegoRunFlags" (types.listOf types.str) [ ] "Further arguments of {command}`lego run`.";
      extraLegoRenewFlags = option "extraLegoRenewFlags" (types.listOf types.str) [ ] "Further arguments of {command}`lego renew`.";
    };

  certificateModule =
    { name, ... }:
    {
      options = common (option: _: cfg.defaults.${option}) // {
        domain = mkOption {
          type = types.str;
          default = name;
          description = "The name that the certificate is for.";
        };
        extraDomainNames = mkOption {
          type = types.listOf types.str;
          default = [ ];
          example = [ "www.example.org" ];
          description = "Further names that it is for.";
        };
        directory = mkOption {
          type = types.str;
          default = "${cfg.directory}/${name}";
          readOnly = true;
          description = "Where certificate and key are.";
        };
      };
    };

  unitName = lib.replaceStrings [ "*" ] [ "_" ];

  service =
    name: certificate:
    let
      challenge =
        if certificate.dnsProvider != null then
          [
            "--dns"
            certificate.dnsProvider
          ]
          ++ lib.optionals (certificate.dnsResolver != null) [
            "--dns.resolvers"
            certificate.dnsResolver
          ]
        else if certificate.listenHTTP != null then
          [
            "--http"
            "--http.port"
            certificate.listenHTTP
          ]
        else
          [
            "--http"
            "--http.webroot"
            certificate.webroot
          ];
      arguments =
        [
          "--accept-tos"
          "--path"
          "${cfg.directory}/.lego/${name}"
          "--key-type"
          certificate.keyType
        ]
        ++ lib.optionals (certificate.email != null) [
          "--email"
          certificate.email
        ]
        ++ lib.optionals (certificate.server != null) [
          "--server"
          certificate.server
        ]
        ++ lib.concatMap (domain: [
          "--domains"
          domain
        ]) ([ certificate.domain ] ++ certificate.extraDomainNames)
        ++ challenge
        ++ certificate.extraLegoFlags;
      staple = lib.optional certificate.ocspMustStaple "--must-staple";
      # lego writes a wildcard's star so.
      stem = lib.replaceStrings [ "*" ] [ "_" ] certificate.domain;
      lego = lib.escapeShellArgs ([ "lego" ] ++ arguments);
    in
    {
      description = "Get and renew the certificate of ${certificate.domain}";
      wants = [ "network-online.target" ];
      after = [
        "network-online.target"
        "nss-lookup.target"
      ]
      # Whoever serves the proofs must be there to do so.
      ++ lib.optional (certificate.webroot != null) "nginx.service";
      wantedBy = [ "multi-user.target" ];
      environment = certificate.credentialFiles;
      path = [
        pkgs.coreutils
        pkgs.lego
        pkgs.diffutils
        pkgs.systemd
      ];
      serviceConfig = {
        Type = "oneshot";
        StateDirectory = "acme";
        StateDirectoryMode = "0755";
        UMask = "0027";
        EnvironmentFile = lib.mkIf (certificate.environmentFile != null) certificate.environmentFile;
        ProtectHome = true;
        PrivateTmp = true;
      };
      script = ''
        ${lib.optionalString (certificate.webroot != null) ''
          mkdir -p ${lib.escapeShellArg certificate.webroot}/.well-known/acme-challenge
          chmod -R a+rX ${lib.escapeShellArg certificate.webroot}
        ''}
        found=${lib.escapeShellArg "${cfg.directory}/.lego/${name}/certificates/${stem}"}
        if [ -e "$found.crt" ]; then
          ${lego} renew --no-random-sleep --days ${toString certificate.validMinDays} ${lib.escapeShellArgs (staple ++ certificate.extraLegoRenewFlags)}
        else
          ${lego} run ${lib.escapeShellArgs (staple ++ certificate.extraLegoRunFlags)}
        fi
        directory=${lib.escapeShellArg certificate.directory}
        mkdir -p "$directory"
        if ! cmp -s "$found.crt" "$directory/fullchain.pem"; then
          # Each file is the old one or the new one at any moment.
          install -m 0640 "$found.key" "$directory/.key.pem"
          install -m 0640 "$found.crt" "$directory/.fullchain.pem"
          install -m 0640 "$found.issuer.crt" "$directory/.chain.pem"
          install -m 0640 "$found.crt" "$directory/.cert.pem"
          chown -R root:${lib.escapeShellArg certificate.group} "$directory"
          chmod 0750 "$directory"
          for part in key fullchain chain cert; do
            mv "$directory/.$part.pem" "$directory/$part.pem"
          done
          cd "$directory"
          ${lib.optionalString (certificate.reloadServices != [ ]) "systemctl --no-block try-reload-or-restart ${lib.escapeShellArgs certificate.reloadServices}"}
          ${certificate.postRun}
        fi
      '';
    };

  timer = name: certificate: {
    description = "Renew the certificate of ${certificate.domain}";
    wantedBy = [ "timers.target" ];
    timerConfig = {
      OnCalendar = certificate.renewInterval;
      Unit = "acme-${unitName name}.service";
      Persistent = true;
      # Not all hosts of the world at once.
      RandomizedDelaySec = "24h";
      FixedRandomDelay = true;
    };
  };

  units = f: lib.mapAttrs' (name: certificate: lib.nameValuePair "acme-${unitName name}" (f name certificate)) cfg.certs;
in
{
  imports = [
    (lib.mkRenamedOptionModule [ "security" "acme" "email" ] [ "security" "acme" "defaults" "email" ])
    (lib.mkRenamedOptionModule [ "security" "acme" "server" ] [ "security" "acme" "defaults" "server" ])
  ];

  options.security.acme = {
    acceptTerms = mkOption {
      type = types.bool;
      default = false;
      description = "Whether you accept the terms of whoever signs.";
    };
    directory = mkOption {
      type = types.str;
      default = "/var/lib/acme";
      readOnly = true;
      internal = true;
      description = "Where all certificates are.";
    };
    defaults = common (_: default: default);
    certs = mkOption {
      type = types.attrsOf (types.submodule certificateModule);
      default = { };
      description = "Certificates, by name.";
    };
  };

  config = lib.mkIf (cfg.certs != { }) {
    environment.debianPackages = [ "lego" ];

    users.users.acme = {
      isSystemUser = true;
      group = "acme";
      home = cfg.directory;
      description = "Certificates";
    };
    users.groups.acme = { };

    systemd.services = units service;
    systemd.timers = units timer;

    assertions = [
      {
        assertion = cfg.acceptTerms;
        message = "security.acme: whoever signs certificates has terms; read them and set security.acme.acceptTerms = true.";
      }
    ]
    ++ lib.mapAttrsToList (name: certificate: {
      assertion =
        lib.length (
          lib.filter (way: way != null) [
            certificate.webroot
            certificate.listenHTTP
            certificate.dnsProvider
          ]
        ) == 1;
      message = "security.acme.certs.\"${name}\": set one of webroot, listenHTTP and dnsProvider, by which you prove that the name is yours.";
    }) cfg.certs
    ++ lib.mapAttrsToList (name: certificate: {
      assertion = certificate.email != null;
      message = "security.acme.certs.\"${name}\": whoever signs wants to reach you; set security.acme.defaults.email.";
    }) cfg.certs;
  };
}
