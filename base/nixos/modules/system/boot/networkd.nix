# systemd-networkd: networks, links and virtual devices as files of its own form.
{
  config,
  lib,
  utils,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.systemd.network;
  inherit (utils.systemdUtils) unitOption attrsToSection;

  section =
    name:
    mkOption {
      type = types.attrsOf unitOption;
      default = { };
      description = "Settings of the section `[${name}]`.";
    };
  sections =
    name:
    mkOption {
      type = types.listOf (types.attrsOf unitOption);
      default = [ ];
      description = "Settings of each section `[${name}]`.";
    };
  strings =
    what:
    mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = what;
    };

  # Section by option, in the order in which they are written.
  networkSections = {
    matchConfig = "Match";
    linkConfig = "Link";
    networkConfig = "Network";
    dhcpV4Config = "DHCPv4";
    dhcpV6Config = "DHCPv6";
    dhcpPrefixDelegationConfig = "DHCPPrefixDelegation";
    ipv6AcceptRAConfig = "IPv6AcceptRA";
    dhcpServerConfig = "DHCPServer";
    ipv6SendRAConfig = "IPv6SendRA";
    bridgeConfig = "Bridge";
    canConfig = "CAN";
    fairQueueingConfig = "FairQueueing";
    cakeConfig = "CAKE";
  };
  networkLists = {
    addresses = "Address";
    routes = "Route";
    routingPolicyRules = "RoutingPolicyRule";
    dhcpServerStaticLeases = "DHCPServerStaticLease";
    ipv6Prefixes = "IPv6Prefix";
    ipv6RoutePrefixes = "IPv6RoutePrefix";
    bridgeFDBs = "BridgeFDB";
    bridgeVLANs = "BridgeVLAN";
    neighbors = "Neighbor";
    nextHops = "NextHop";
  };
  # Options that are settings of `[Network]`.
  networkStrings = {
    address = "Address";
    gateway = "Gateway";
    dns = "DNS";
    ntp = "NTP";
    domains = "Domains";
    bridge = "Bridge";
    bond = "Bond";
    vrf = "VRF";
    vlan = "VLAN";
    macvlan = "MACVLAN";
    macvtap = "MACVTAP";
    vxlan = "VXLAN";
    tunnel = "Tunnel";
    xfrm = "Xfrm";
  };

  netdevSections = {
    matchConfig = "Match";
    netdevConfig = "NetDev";
    bridgeConfig = "Bridge";
    vlanConfig = "VLAN";
    ipvlanConfig = "IPVLAN";
    macvlanConfig = "MACVLAN";
    macvtapConfig = "MACVTAP";
    vxlanConfig = "VXLAN";
    tunnelConfig = "Tunnel";
    peerConfig = "Peer";
    tunConfig = "Tun";
    tapConfig = "Tap";
    wireguardConfig = "WireGuard";
    bondConfig = "Bond";
    vrfConfig = "VRF";
    xfrmConfig = "Xfrm";
  };

  linkSections = {
    matchConfig = "Match";
    linkConfig = "Link";
  };

  enableOption = mkOption {
    type = types.bool;
    default = true;
    description = "Whether the file is there.";
  };
  extraConfig = mkOption {
    type = types.lines;
    default = "";
    description = "Further lines at the end of the file.";
  };

  networkModule.options = {
    enable = enableOption;
    inherit extraConfig;
    name = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "The interface's name, the usual thing to match.";
    };
    DHCP = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "ipv4";
      description = "Whether addresses are asked for: `yes`, `no`, `ipv4` or `ipv6`.";
    };
  }
  // lib.mapAttrs (_: section) networkSections
  // lib.mapAttrs (_: sections) networkLists
  // lib.mapAttrs (_: setting: strings "The setting `${setting}` of the section `[Network]`.") networkStrings;

  netdevModule.options = {
    enable = enableOption;
    inherit extraConfig;
    wireguardPeers = sections "WireGuardPeer";
  }
  // lib.mapAttrs (_: section) netdevSections;

  linkModule.options = {
    enable = enableOption;
    inherit extraConfig;
  }
  // lib.mapAttrs (_: section) linkSections;

  write =
    names: unit:
    lib.concatStrings (
      lib.mapAttrsToList (
        option: name:
        lib.optionalString (unit.${option} != { }) "[${name}]\n${attrsToSection unit.${option}}\n"
      ) names
    );
  writeLists =
    names: unit:
    lib.concatStrings (
      lib.mapAttrsToList (
        option: name: lib.concatMapStrings (settings: "[${name}]\n${attrsToSection settings}\n") unit.${option}
      ) names
    );

  networkText =
    network:
    let
      full = network // {
        matchConfig =
          lib.optionalAttrs (network.name != null) { Name = network.name; } // network.matchConfig;
        networkConfig =
          lib.optionalAttrs (network.DHCP != null) { inherit (network) DHCP; }
          // lib.mapAttrs' (option: setting: lib.nameValuePair setting network.${option}) (
            lib.filterAttrs (option: _: network.${option} != [ ]) networkStrings
          )
          // network.networkConfig;
      };
    in
    # What a file matches comes first for whoever reads it.
    write { matchConfig = "Match"; } full
    + write (removeAttrs networkSections [ "matchConfig" ]) full
    + writeLists networkLists full
    + full.extraConfig;

  netdevText =
    netdev:
    write netdevSections netdev
    + writeLists { wireguardPeers = "WireGuardPeer"; } netdev
    + netdev.extraConfig;

  linkText = link: write linkSections link + link.extraConfig;

  files =
    suffix: text: units:
    lib.mapAttrs' (
      name: unit: lib.nameValuePair "systemd/network/${name}.${suffix}" { text = text unit; }
    ) (lib.filterAttrs (_: unit: unit.enable) units);
in
{
  options.systemd.network = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether systemd-networkd runs.";
    };

    networks = mkOption {
      type = types.attrsOf (types.submodule networkModule);
      default = { };
      description = "Networks, by file name: what interfaces get; see {manpage}`systemd.network(5)`.";
    };

    netdevs = mkOption {
      type = types.attrsOf (types.submodule netdevModule);
      default = { };
      description = "Virtual devices, by file name; see {manpage}`systemd.netdev(5)`.";
    };

    links = mkOption {
      type = types.attrsOf (types.submodule linkModule);
      default = { };
      description = "What udev sets on interfaces, by file name; see {manpage}`systemd.link(5)`.";
    };

    config = {
      networkConfig = section "Network";
      dhcpV4Config = section "DHCPv4";
      dhcpV6Config = section "DHCPv6";
    };

    wait-online = {
      enable = mkOption {
        type = types.bool;
        default = true;
        description = "Whether `network-online.target` waits for the network.";
      };
      anyInterface = mkOption {
        type = types.bool;
        default = config.networking.useDHCP;
        defaultText = lib.literalExpression "config.networking.useDHCP";
        description = "Whether one interface is enough.";
      };
      ignoredInterfaces = strings "Interfaces that are not waited for.";
      timeout = mkOption {
        type = types.ints.unsigned;
        default = 120;
        description = "The seconds to wait; 0 waits for ever.";
      };
      extraArgs = strings "Further arguments of systemd-networkd-wait-online.";
    };
  };

  config = lib.mkMerge [
    # Links are udev's, with or without networkd.
    { environment.etc = files "link" linkText cfg.links; }

    (lib.mkIf cfg.enable {
      environment.etc =
        files "network" networkText cfg.networks
        // files "netdev" netdevText cfg.netdevs
        // {
          "systemd/networkd.conf".text =
            write {
              networkConfig = "Network";
              dhcpV4Config = "DHCPv4";
              dhcpV6Config = "DHCPv6";
            } cfg.config;
        };

      users.users.systemd-network = {
        isSystemUser = true;
        group = "systemd-network";
        description = "systemd Network Management";
      };
      users.groups.systemd-network = { };

      systemd.services.systemd-networkd = {
        overrideStrategy = "asDropin";
        wantedBy = [ "multi-user.target" ];
        aliases = [ "dbus-org.freedesktop.network1.service" ];
        restartTriggers = map (name: config.environment.etc.${name}.source) (
          lib.filter (lib.hasPrefix "systemd/network") (lib.attrNames config.environment.etc)
        );
      };
      systemd.sockets.systemd-networkd = {
        overrideStrategy = "asDropin";
        wantedBy = [ "sockets.target" ];
      };

      systemd.services.systemd-networkd-wait-online = {
        overrideStrategy = "asDropin";
        wantedBy = lib.optional cfg.wait-online.enable "network-online.target";
        serviceConfig.ExecStart = [
          ""
          (
            "/usr/lib/systemd/systemd-networkd-wait-online ${
              utils.escapeSystemdExecArgs (
                [ "--timeout=${toString cfg.wait-online.timeout}" ]
                ++ lib.optional cfg.wait-online.anyInterface "--any"
                ++ map (interface: "--ignore=${interface}") cfg.wait-online.ignoredInterfaces
                ++ cfg.wait-online.extraArgs
              )
            }"
          )
        ];
      };
    })
  ];
}
