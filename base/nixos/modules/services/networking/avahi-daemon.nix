# Names and services in the local network, by multicast DNS.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.avahi;
  yesNo = value: if value then "yes" else "no";

  flag =
    default: description:
    mkOption {
      type = types.bool;
      inherit default description;
    };
in
{
  options.services.avahi = {
    enable = flag false "Whether the host is found, and finds others, as `NAME.local`.";
    hostName = mkOption {
      type = types.str;
      default = config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      description = "The name before `.local`.";
    };
    domainName = mkOption {
      type = types.str;
      default = "local";
      description = "The domain.";
    };
    browseDomains = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Further domains that services are looked for in.";
    };
    ipv4 = flag true "Whether IPv4 is used.";
    ipv6 = flag false "Whether IPv6 is used.";
    allowInterfaces = mkOption {
      type = types.nullOr (types.listOf types.str);
      default = null;
      description = "The only interfaces that are used; all if null.";
    };
    denyInterfaces = mkOption {
      type = types.nullOr (types.listOf types.str);
      default = null;
      description = "Interfaces that are not used.";
    };
    openFirewall = flag true "Whether the port, 5353 by UDP, is open.";
    allowPointToPoint = flag false "Whether interfaces that lead to one host alone are used.";
    wideArea = flag true "Whether names outside of the local network are looked up.";
    reflector = flag false "Whether what is said in one network is repeated in the others.";
    publish = {
      enable = flag false "Whether anything is made known.";
      userServices = flag false "Whether users may make services known.";
      addresses = flag false "Whether the host's addresses are made known.";
      hinfo = flag false "Whether the host's processor and system are made known.";
      workstation = flag false "Whether the host is made known as a workstation.";
      domain = flag false "Whether the domain is made known.";
    };
    nssmdns4 = flag false "Whether programs find IPv4 addresses of names in `.local`.";
    nssmdns6 = flag false "Whether programs find IPv6 addresses of names in `.local`.";
    cacheEntriesMax = mkOption {
      type = types.nullOr types.int;
      default = null;
      description = "How much is remembered for each interface.";
    };
    extraServiceFiles = mkOption {
      type = types.attrsOf (types.either types.str types.path);
      default = { };
      description = "Services to make known, by name, in the form of {manpage}`avahi.service(5)`.";
    };
    extraConfig = mkOption {
      type = types.lines;
      default = "";
      description = "Further lines of {manpage}`avahi-daemon.conf(5)`.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [
      "avahi-daemon"
      "avahi-utils"
    ]
    ++ lib.optional (cfg.nssmdns4 || cfg.nssmdns6) "libnss-mdns";

    users.users.avahi = {
      isSystemUser = true;
      group = "avahi";
      home = "/run/avahi-daemon";
      description = "Avahi mDNS daemon";
    };
    users.groups.avahi = { };

    system.nssDatabases.hosts =
      let
        # Before what asks name servers.
        module =
          if cfg.nssmdns4 && cfg.nssmdns6 then
            "mdns_minimal"
          else if cfg.nssmdns4 then
            "mdns4_minimal"
          else
            "mdns6_minimal";
      in
      lib.mkIf (cfg.nssmdns4 || cfg.nssmdns6) (lib.mkBefore [ "${module} [NOTFOUND=return]" ]);

    environment.etc = {
      "avahi/avahi-daemon.conf".text = ''
        [server]
        host-name=${cfg.hostName}
        domain-name=${cfg.domainName}
        ${lib.optionalString (cfg.browseDomains != [ ]) "browse-domains=${lib.concatStringsSep ", " cfg.browseDomains}"}
        use-ipv4=${yesNo cfg.ipv4}
        use-ipv6=${yesNo cfg.ipv6}
        ${lib.optionalString (cfg.allowInterfaces != null) "allow-interfaces=${lib.concatStringsSep "," cfg.allowInterfaces}"}
        ${lib.optionalString (cfg.denyInterfaces != null) "deny-interfaces=${lib.concatStringsSep "," cfg.denyInterfaces}"}
        allow-point-to-point=${yesNo cfg.allowPointToPoint}
        ${lib.optionalString (cfg.cacheEntriesMax != null) "cache-entries-max=${toString cfg.cacheEntriesMax}"}

        [wide-area]
        enable-wide-area=${yesNo cfg.wideArea}

        [publish]
        disable-publishing=${yesNo (!cfg.publish.enable)}
        disable-user-service-publishing=${yesNo (!cfg.publish.userServices)}
        publish-addresses=${yesNo (cfg.publish.userServices || cfg.publish.addresses)}
        publish-hinfo=${yesNo cfg.publish.hinfo}
        publish-workstation=${yesNo cfg.publish.workstation}
        publish-domain=${yesNo cfg.publish.domain}

        [reflector]
        enable-reflector=${yesNo cfg.reflector}

        ${cfg.extraConfig}
      '';
    }
    // lib.mapAttrs' (
      name: service:
      lib.nameValuePair "avahi/services/${name}.service" (
        if builtins.isString service && !(lib.hasPrefix "/" service) then { text = service; } else { source = service; }
      )
    ) cfg.extraServiceFiles;

    systemd.services.avahi-daemon = {
      overrideStrategy = "asDropin";
      wantedBy = [ "multi-user.target" ];
      aliases = [ "dbus-org.freedesktop.Avahi.service" ];
      restartTriggers = [ config.environment.etc."avahi/avahi-daemon.conf".source ];
    };
    systemd.sockets.avahi-daemon = {
      overrideStrategy = "asDropin";
      wantedBy = [ "sockets.target" ];
    };

    networking.firewall.allowedUDPPorts = lib.optional cfg.openFirewall 5353;
  };
}
