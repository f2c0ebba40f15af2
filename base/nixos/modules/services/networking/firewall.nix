# The firewall: what may come in.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.networking.firewall;

  portList =
    what:
    mkOption {
      type = types.listOf types.port;
      default = [ ];
      apply = ports: lib.unique (lib.sort (a: b: a < b) ports);
      description = what;
    };
  rangeList =
    what:
    mkOption {
      type = types.listOf (
        types.submodule {
          options = {
            from = mkOption {
              type = types.port;
              description = "The first port.";
            };
            to = mkOption {
              type = types.port;
              description = "The last port.";
            };
          };
        }
      );
      default = [ ];
      example = [
        {
          from = 8999;
          to = 9003;
        }
      ];
      description = what;
    };

  portOptions = {
    allowedTCPPorts = portList "TCP ports that are open.";
    allowedTCPPortRanges = rangeList "Ranges of TCP ports that are open.";
    allowedUDPPorts = portList "UDP ports that are open.";
    allowedUDPPortRanges = rangeList "Ranges of UDP ports that are open.";
  };

  switch =
    default: description:
    mkOption {
      type = types.bool;
      inherit default description;
    };

  # "22, 80, 8000-8010", the elements of a set of nft.
  elements =
    ports: ranges:
    lib.concatStringsSep ", " (
      map toString ports ++ map (range: "${toString range.from}-${toString range.to}") ranges
    );

  acceptPorts =
    match: settings:
    let
      rule =
        protocol: ports: ranges:
        lib.optionalString (ports != [ ] || ranges != [ ]) "${match}${protocol} dport { ${elements ports ranges} } accept\n";
    in
    rule "tcp" settings.allowedTCPPorts settings.allowedTCPPortRanges
    + rule "udp" settings.allowedUDPPorts settings.allowedUDPPortRanges;

  interfaceSet = names: "{ ${lib.concatMapStringsSep ", " (name: "\"${name}\"") names} }";

  pingLimit = lib.optionalString (cfg.pingLimit != null) "limit rate ${cfg.pingLimit} ";
in
{
  options.networking.firewall =
    portOptions
    // {
      enable = switch true "Whether only what is allowed here may come in.";

      backend = mkOption {
        type = types.enum [ "nftables" ];
        default = "nftables";
        description = "What the firewall is made with. The Debian base has nftables.";
      };

      interfaces = mkOption {
        type = types.attrsOf (types.submodule { options = portOptions; });
        default = { };
        description = "Ports that are open on some interfaces only.";
      };

      allInterfaces = mkOption {
        type = types.attrsOf (types.attrsOf types.unspecified);
        internal = true;
        readOnly = true;
        default = {
          default = lib.mapAttrs (name: _: cfg.${name}) portOptions;
        }
        // cfg.interfaces;
        defaultText = lib.literalMD "all open ports by interface";
        description = "Open ports by interface.";
      };

      trustedInterfaces = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "wg0" ];
        description = "Interfaces from which everything may come in.";
      };

      allowPing = switch true "Whether the host answers pings over IPv4. IPv6 needs them.";

      pingLimit = mkOption {
        type = types.nullOr (types.separatedString " ");
        default = null;
        example = "2/second burst 5 packets";
        description = "How many pings are answered.";
      };

      rejectPackets = switch false "Whether a refused packet is answered with an error.";
      logRefusedConnections = switch true "Whether refused connections are logged.";
      logRefusedPackets = switch false "Whether all refused packets are logged.";
      logRefusedUnicastsOnly = switch true "Whether refused packets to many receivers are not logged.";
      logReversePathDrops = switch false "Whether packets from the wrong interface are logged.";

      checkReversePath = mkOption {
        type = types.either types.bool (types.enum [
          "strict"
          "loose"
        ]);
        default = true;
        description = "Whether packets are dropped whose answer would go out by another interface; `loose` asks only for any way to answer.";
      };

      filterForward = switch false "Whether forwarded packets are filtered too.";

      extraInputRules = mkOption {
        type = types.lines;
        default = "";
        example = "ip6 saddr { fc00::/7 } tcp dport 24800 accept";
        description = "Further rules for what comes in.";
      };
      extraForwardRules = mkOption {
        type = types.lines;
        default = "";
        description = "Further rules for what is forwarded.";
      };
      extraReversePathFilterRules = mkOption {
        type = types.lines;
        default = "";
        description = "Further rules that accept packets before the check of the way back.";
      };
    };

  config = lib.mkIf cfg.enable {
    networking.firewall.trustedInterfaces = [ "lo" ];

    networking.nftables.tables."nixos-fw" = {
      family = "inet";
      content = ''
        ${lib.optionalString (cfg.checkReversePath != false) ''
          chain rpfilter {
            type filter hook prerouting priority mangle + 10; policy drop;
            meta nfproto ipv4 udp sport . udp dport { 67 . 68, 68 . 67 } accept comment "DHCPv4"
            ${cfg.extraReversePathFilterRules}
            fib saddr . mark ${lib.optionalString (cfg.checkReversePath != "loose") ". iif "}oif exists accept
            jump rpfilter-allow
            ${lib.optionalString cfg.logReversePathDrops ''log level info prefix "rpfilter drop: "''}
          }

          chain rpfilter-allow {
          }
        ''}
        chain input {
          type filter hook input priority filter; policy drop;

          iifname ${interfaceSet cfg.trustedInterfaces} accept comment "trusted interfaces"

          ct state vmap {
            invalid : drop,
            established : accept,
            related : accept,
            new : jump input-allow,
            untracked : jump input-allow,
          }

          ${lib.optionalString cfg.logRefusedConnections ''
            tcp flags & (fin | syn | rst | ack) == syn log level info prefix "refused connection: "
          ''}
          ${lib.optionalString (cfg.logRefusedPackets && !cfg.logRefusedUnicastsOnly) ''
            pkttype broadcast log level info prefix "refused broadcast: "
            pkttype multicast log level info prefix "refused multicast: "
          ''}
          ${lib.optionalString cfg.logRefusedPackets ''
            pkttype host log level info prefix "refused packet: "
          ''}
          ${lib.optionalString cfg.rejectPackets ''
            meta l4proto tcp reject with tcp reset
            reject
          ''}
        }

        chain input-allow {
          ${acceptPorts "" cfg}
          ${lib.concatStrings (
            lib.mapAttrsToList (name: acceptPorts "iifname \"${name}\" ") cfg.interfaces
          )}
          ${lib.optionalString cfg.allowPing ''
            icmp type echo-request ${pingLimit}accept comment "allow ping"
          ''}
          icmpv6 type != { nd-redirect, 139 } accept comment "accept all ICMPv6 but redirects and node information queries"
          ip6 daddr fe80::/64 udp dport 546 accept comment "DHCPv6 client"

          ${cfg.extraInputRules}
        }
        ${lib.optionalString cfg.filterForward ''
          chain forward {
            type filter hook forward priority filter; policy drop;

            ct state vmap {
              invalid : drop,
              established : accept,
              related : accept,
              new : jump forward-allow,
              untracked : jump forward-allow,
            }
          }

          chain forward-allow {
            icmpv6 type != { router-renumbering, 139 } accept comment "accept all ICMPv6 but renumbering and node information queries"
            ct status dnat accept comment "allow port forward"
            ${cfg.extraForwardRules}
          }
        ''}
      '';
    };
  };
}
