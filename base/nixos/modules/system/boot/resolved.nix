# Names to addresses, by systemd-resolved.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.resolved;
  nameservers = config.networking.nameservers;
in
{
  options.services.resolved = {
    enable = mkOption {
      type = types.bool;
      default = config.systemd.network.enable;
      defaultText = lib.literalExpression "config.systemd.network.enable";
      description = "Whether systemd-resolved answers programs' questions for names.";
    };
    fallbackDns = mkOption {
      type = types.nullOr (types.listOf types.str);
      default = null;
      description = "Name servers for when the network named none; null for Debian's default.";
    };
    domains = mkOption {
      type = types.listOf types.str;
      default = config.networking.search;
      defaultText = lib.literalExpression "config.networking.search";
      description = "Domains that names without a domain are looked up in.";
    };
    llmnr = mkOption {
      type = types.enum [
        "true"
        "resolve"
        "false"
      ];
      default = "true";
      description = "Whether names are asked for and answered in the local network by LLMNR.";
    };
    dnssec = mkOption {
      type = types.enum [
        "true"
        "allow-downgrade"
        "false"
      ];
      default = "false";
      description = "Whether answers must be signed.";
    };
    dnsovertls = mkOption {
      type = types.enum [
        "true"
        "opportunistic"
        "false"
      ];
      default = "false";
      description = "Whether name servers are asked over TLS.";
    };
    extraConfig = mkOption {
      type = types.lines;
      default = "";
      description = "Further lines of {manpage}`resolved.conf(5)`.";
    };
  };

  config = lib.mkMerge [
    (lib.mkIf cfg.enable {
      environment.debianPackages = [
        "systemd-resolved"
        "libnss-resolve"
        "libnss-myhostname"
      ];

      users.users.systemd-resolve = {
        isSystemUser = true;
        group = "systemd-resolve";
        description = "systemd Resolver";
      };
      users.groups.systemd-resolve = { };

      system.nssDatabases.hosts = lib.mkOrder 501 [ "resolve [!UNAVAIL=return]" ];

      environment.etc = {
        "systemd/resolved.conf".text = ''
          [Resolve]
          ${lib.optionalString (nameservers != [ ]) "DNS=${lib.concatStringsSep " " nameservers}\n"}${
            lib.optionalString (cfg.fallbackDns != null) "FallbackDNS=${lib.concatStringsSep " " cfg.fallbackDns}\n"
          }${lib.optionalString (cfg.domains != [ ]) "Domains=${lib.concatStringsSep " " cfg.domains}\n"}LLMNR=${cfg.llmnr}
          DNSSEC=${cfg.dnssec}
          DNSOverTLS=${cfg.dnsovertls}
          ${cfg.extraConfig}
        '';
        "resolv.conf" = {
          source = "/run/systemd/resolve/stub-resolv.conf";
          mode = "direct-symlink";
        };
      };

      systemd.services.systemd-resolved = {
        overrideStrategy = "asDropin";
        wantedBy = [ "sysinit.target" ];
        aliases = [ "dbus-org.freedesktop.resolve1.service" ];
        restartTriggers = [ config.environment.etc."systemd/resolved.conf".source ];
      };
    })
    (lib.mkIf (!cfg.enable) {
      environment.etc."resolv.conf" = lib.mkIf (nameservers != [ ]) {
        text =
          lib.optionalString (config.networking.search != [ ]) "search ${lib.concatStringsSep " " config.networking.search}\n"
          + lib.concatMapStrings (server: "nameserver ${server}\n") nameservers;
      };
    })
  ];
}
