# The host's name, its interfaces and their addresses. systemd-networkd carries
# all of it out.
{
  config,
  lib,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.networking;

  address =
    version:
    types.submodule {
      options = {
        address = mkOption {
          type = types.str;
          description = "The address.";
        };
        prefixLength = mkOption {
          type = types.addCheck types.int (
            length: length >= 0 && length <= (if version == 4 then 32 else 128)
          );
          description = "The length of the network's prefix in bits.";
        };
      };
    };

  route =
    version:
    types.submodule {
      options = {
        address = mkOption {
          type = types.str;
          description = "The network.";
        };
        prefixLength = mkOption {
          type = types.addCheck types.int (
            length: length >= 0 && length <= (if version == 4 then 32 else 128)
          );
          description = "The length of the network's prefix in bits.";
        };
        via = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "The router.";
        };
        options = mkOption {
          type = types.attrsOf types.str;
          default = { };
          example = {
            Metric = "100";
          };
          description = "Further settings of the section `[Route]` of {manpage}`systemd.network(5)`.";
        };
      };
    };

  gatewayType = types.nullOr (
    types.coercedTo types.str (address: { inherit address; }) (
      types.submodule {
        options = {
          address = mkOption {
            type = types.str;
            description = "The router's address.";
          };
          interface = mkOption {
            type = types.nullOr types.str;
            default = null;
            description = "The interface that leads to it.";
          };
          metric = mkOption {
            type = types.nullOr types.int;
            default = null;
            description = "The route's metric.";
          };
          source = mkOption {
            type = types.nullOr types.str;
            default = null;
            description = "The source address of packets that take the route.";
          };
        };
      }
    )
  );

  versionOptions = version: {
    addresses = mkOption {
      type = types.listOf (address version);
      default = [ ];
      description = "Addresses of the interface.";
    };
    routes = mkOption {
      type = types.listOf (route version);
      default = [ ];
      description = "Routes by way of the interface.";
    };
  };

  interfaceModule =
    { name, ... }:
    {
      options = {
        name = mkOption {
          type = types.str;
          default = name;
          description = "The interface's name.";
        };
        useDHCP = mkOption {
          type = types.nullOr types.bool;
          default = null;
          description = "Whether the interface asks for its addresses; null for what {option}`networking.useDHCP` says.";
        };
        ipv4 = versionOptions 4;
        ipv6 = versionOptions 6;
        macAddress = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "A hardware address in place of the interface's own.";
        };
        mtu = mkOption {
          type = types.nullOr types.int;
          default = null;
          description = "The largest packet in bytes.";
        };
        wakeOnLan.enable = mkOption {
          type = types.bool;
          default = false;
          description = "Whether a magic packet starts the host.";
        };
      };
    };

  interfaces = lib.attrValues cfg.interfaces;

  routeSection =
    route:
    {
      Destination = "${route.address}/${toString route.prefixLength}";
    }
    // lib.optionalAttrs (route.via != null) { Gateway = route.via; }
    // route.options;

  gatewaySection =
    gateway:
    { Gateway = gateway.address; }
    // lib.optionalAttrs (gateway.metric != null) { Metric = gateway.metric; }
    // lib.optionalAttrs (gateway.source != null) { PreferredSource = gateway.source; }
    // {
      GatewayOnLink = gateway.interface != null;
    };

  gateways = lib.filter (gateway: gateway != null) [
    cfg.defaultGateway
    cfg.defaultGateway6
  ];

  static = interface: interface.ipv4.addresses ++ interface.ipv6.addresses;
  # A default route without an interface goes out where addresses are static.
  gatewaysOf =
    interface:
    lib.filter (
      gateway:
      if gateway.interface != null then
        gateway.interface == interface.name
      else
        static interface != [ ] && interface.name == firstStatic
    ) gateways;
  firstStatic = (lib.findFirst (interface: static interface != [ ]) { name = null; } interfaces).name;

  networkOf = interface: {
    matchConfig.Name = interface.name;
    address = map (address: "${address.address}/${toString address.prefixLength}") (static interface);
    networkConfig = {
      DHCP =
        if interface.useDHCP == true || (interface.useDHCP == null && cfg.useDHCP && static interface == [ ]) then
          "yes"
        else
          "no";
      IPv6PrivacyExtensions = "kernel";
    };
    routes = map routeSection (interface.ipv4.routes ++ interface.ipv6.routes) ++ map gatewaySection (gatewaysOf interface);
    linkConfig =
      lib.optionalAttrs (interface.macAddress != null) { MACAddress = interface.macAddress; }
      // lib.optionalAttrs (interface.mtu != null) { MTUBytes = toString interface.mtu; };
    dns = lib.optionals (static interface != [ ]) cfg.nameservers;
  };
in
{
  options.networking = {
    hostName = mkOption {
      type = types.strMatching "^$|^[[:alnum:]]([[:alnum:]_-]{0,61}[[:alnum:]])?$";
      default = "nixos";
      description = "The host's name, without domain.";
    };

    hostId = mkOption {
      type = types.nullOr (types.strMatching "[0-9a-fA-F]{8}");
      default = null;
      example = "4e98920d";
      description = "The 32-bit number of the host in hexadecimal, by which ZFS knows whose a pool is.";
    };

    fqdn = mkOption {
      type = types.str;
      default =
        if cfg.hostName != "" && cfg.domain != null then
          "${cfg.hostName}.${cfg.domain}"
        else
          throw "The full name of the host is not known; set networking.hostName and networking.domain.";
      defaultText = lib.literalExpression ''"''${networking.hostName}.''${networking.domain}"'';
      description = "The host's name with its domain.";
    };

    fqdnOrHostName = mkOption {
      type = types.str;
      readOnly = true;
      default = if cfg.domain == null then cfg.hostName else cfg.fqdn;
      defaultText = lib.literalMD "{option}`networking.fqdn` if there is a domain, else the name alone";
      description = "The host's name, with its domain where it has one.";
    };

    domain = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "home.arpa";
      description = "The domain that the host is in.";
    };

    search = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Domains that names without a domain are looked up in.";
    };

    enableIPv6 = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the host has IPv6.";
    };

    useDHCP = mkOption {
      type = types.bool;
      default = true;
      description = "Whether all interfaces without static addresses ask for theirs.";
    };

    useNetworkd = mkOption {
      type = types.bool;
      default = !config.networking.networkmanager.enable;
      defaultText = lib.literalMD "whether NetworkManager does not do it";
      description = "Whether systemd-networkd sets the interfaces up. On the Debian base it always does, unless NetworkManager does.";
    };

    usePredictableInterfaceNames = mkOption {
      type = types.bool;
      default = true;
      description = "Whether interfaces are named by where they are plugged in, not in the order in which they are found.";
    };

    interfaces = mkOption {
      type = types.attrsOf (types.submodule interfaceModule);
      default = { };
      example = {
        eth0.ipv4.addresses = [
          {
            address = "192.0.2.7";
            prefixLength = 24;
          }
        ];
      };
      description = "Interfaces, by name.";
    };

    defaultGateway = mkOption {
      type = gatewayType;
      default = null;
      example = "192.0.2.1";
      description = "The router that leads everywhere else.";
    };

    defaultGateway6 = mkOption {
      type = gatewayType;
      default = null;
      example = "2001:db8::1";
      description = "The router that leads everywhere else by IPv6.";
    };

    nameservers = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "192.0.2.53" ];
      description = "Name servers.";
    };
  };

  config = {
    environment.etc.hostname = lib.mkIf (cfg.hostName != "") { text = cfg.hostName + "\n"; };

    # A switch changes the name at once. A copy of an image may have one of its own in the file.
    system.activationScripts.hostname = lib.mkIf (cfg.hostName != "") (
      lib.stringAfter ([ "etc" ] ++ lib.optional (config.system.activationScripts ? personal) "personal") ''
        if [ -w /proc/sys/kernel/hostname ] && ! cmp -s /etc/hostname /proc/sys/kernel/hostname; then
          cat /etc/hostname > /proc/sys/kernel/hostname
        fi
      ''
    );

    # hostid(1) reads four bytes, the lowest first.
    system.activationScripts.hostId = lib.mkIf (cfg.hostId != null) (
      let
        byte = index: "\\x${lib.substring (index * 2) 2 cfg.hostId}";
      in
      lib.stringAfter [ "etc" ] ''
        printf '${lib.concatMapStrings byte [ 3 2 1 0 ]}' > /etc/hostid
      ''
    );

    boot.kernel.sysctl = lib.mkIf (!cfg.enableIPv6) {
      "net.ipv6.conf.all.disable_ipv6" = true;
      "net.ipv6.conf.default.disable_ipv6" = true;
    };

    boot.kernelParams = lib.optional (!cfg.usePredictableInterfaceNames) "net.ifnames=0";

    systemd.network = {
      # Interfaces that are declared are networkd's in any case.
      enable = lib.mkDefault (cfg.useNetworkd || cfg.interfaces != { } || !config.networking.networkmanager.enable);

      networks =
        lib.listToAttrs (
          map (interface: lib.nameValuePair "40-${interface.name}" (networkOf interface)) interfaces
        )
        // lib.optionalAttrs cfg.useDHCP {
          # Whatever else is plugged in, but for bridges, tunnels and what containers make.
          "99-ethernet-default-dhcp" = {
            matchConfig = {
              Type = "ether";
              Kind = "!*";
            };
            DHCP = "yes";
            networkConfig.IPv6PrivacyExtensions = "kernel";
          };
          "99-wireless-client-dhcp" = {
            matchConfig.WLANInterfaceType = "station";
            DHCP = "yes";
            networkConfig.IPv6PrivacyExtensions = "kernel";
            dhcpV4Config.RouteMetric = 1025;
            ipv6AcceptRAConfig.RouteMetric = 1025;
          };
        };

      links = lib.listToAttrs (
        map (
          interface:
          lib.nameValuePair "40-${interface.name}" {
            matchConfig.OriginalName = interface.name;
            linkConfig.WakeOnLan = "magic";
          }
        ) (lib.filter (interface: interface.wakeOnLan.enable) interfaces)
      );
    };

    assertions = map (interface: {
      assertion = lib.stringLength interface.name < 16;
      message = "The name of networking.interfaces.\"${interface.name}\" is longer than the kernel's 15 characters.";
    }) interfaces;
  };
}
