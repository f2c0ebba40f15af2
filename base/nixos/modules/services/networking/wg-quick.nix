# WireGuard tunnels, set up by wg-quick.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.networking.wg-quick;

  strings =
    description:
    mkOption {
      type = with types; coercedTo (listOf str) (lib.concatStringsSep ", ") commas;
      default = "";
      inherit description;
    };
  commands =
    description:
    mkOption {
      type = with types; coercedTo (listOf str) (lib.concatStringsSep "\n") lines;
      default = "";
      inherit description;
    };

  peerModule.options = {
    publicKey = mkOption {
      type = types.str;
      example = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
      description = "The peer's public key.";
    };
    presharedKey = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "A key that both sides share. It is readable by everyone on the host and in the store.";
    };
    presharedKeyFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "/run/secrets/wireguard-psk";
      description = "A file on the host with a key that both sides share.";
    };
    allowedIPs = mkOption {
      type = types.listOf types.str;
      example = [ "10.192.122.3/32" ];
      description = "Addresses that the peer may have, and that are reached through it.";
    };
    endpoint = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "demo.wireguard.io:12913";
      description = "Where the peer is reached.";
    };
    persistentKeepalive = mkOption {
      type = types.nullOr types.int;
      default = null;
      example = 25;
      description = "After how many seconds of silence a packet is sent, so that a router keeps the way open.";
    };
  };

  interfaceModule.options = {
    configFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "/run/secrets/wg0.conf";
      description = "A file on the host with the whole configuration, as {manpage}`wg-quick(8)` reads it; the other options must not be set then.";
    };
    address = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "192.168.2.1/24" ];
      description = "Addresses of the interface.";
    };
    autostart = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the tunnel is set up at boot.";
    };
    dns = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Name servers while the tunnel is there.";
    };
    privateKey = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "The private key. It is readable by everyone on the host and in the store; {option}`privateKeyFile` keeps it secret.";
    };
    privateKeyFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "/run/secrets/wireguard-key";
      description = "A file on the host with the private key.";
    };
    generatePrivateKeyFile = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the private key is made if the file is not there.";
    };
    listenPort = mkOption {
      type = types.nullOr types.int;
      default = null;
      example = 51820;
      description = "The UDP port that is listened on; one is picked if null.";
    };
    preUp = commands "Commands before the interface is there.";
    preDown = commands "Commands before the interface goes.";
    postUp = commands "Commands when the interface is there.";
    postDown = commands "Commands when the interface is gone.";
    table = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "off";
      description = "The routing table that routes go to; `off` makes none.";
    };
    mtu = mkOption {
      type = types.nullOr types.int;
      default = null;
      description = "The largest packet in bytes.";
    };
    type = mkOption {
      type = types.enum [ "wireguard" ];
      default = "wireguard";
      description = "The kind of tunnel.";
    };
    extraOptions = mkOption {
      type = types.attrsOf (
        types.oneOf [
          types.str
          types.int
        ]
      );
      default = { };
      description = "Further settings of the section `[Interface]`.";
    };
    peers = mkOption {
      type = types.listOf (types.submodule peerModule);
      default = [ ];
      description = "The other sides.";
    };
  };

  script =
    name: when: text:
    "${pkgs.writeShellScript "wg-quick-${name}-${when}" text}";

  setting = name: value: lib.optionalString (value != null && value != "") "${name} = ${toString value}\n";

  configuration =
    name: interface:
    let
      # Secrets are read when the tunnel is set up: they are not in this file.
      secrets =
        lib.optionalString (interface.privateKeyFile != null) ''
          wg set ${name} private-key ${lib.escapeShellArg interface.privateKeyFile}
        ''
        + lib.concatMapStrings (
          peer:
          lib.optionalString (peer.presharedKeyFile != null) ''
            wg set ${name} peer ${peer.publicKey} preshared-key ${lib.escapeShellArg peer.presharedKeyFile}
          ''
        ) interface.peers;
      preUp =
        lib.optionalString interface.generatePrivateKeyFile ''
          if [ ! -s ${lib.escapeShellArg interface.privateKeyFile} ]; then
            mkdir -p "$(dirname ${lib.escapeShellArg interface.privateKeyFile})"
            (umask 0077; wg genkey > ${lib.escapeShellArg interface.privateKeyFile})
          fi
        ''
        + interface.preUp;
      postUp = secrets + interface.postUp;
    in
    pkgs.writeText "${name}.conf" (
      "[Interface]\n"
      + lib.concatMapStrings (setting "Address") interface.address
      + setting "PrivateKey" interface.privateKey
      + setting "ListenPort" interface.listenPort
      + lib.optionalString (interface.dns != [ ]) (setting "DNS" (lib.concatStringsSep "," interface.dns))
      + setting "Table" interface.table
      + setting "MTU" interface.mtu
      + lib.optionalString (preUp != "") (setting "PreUp" (script name "pre-up" preUp))
      + lib.optionalString (postUp != "") (setting "PostUp" (script name "post-up" postUp))
      + lib.optionalString (interface.preDown != "") (setting "PreDown" (script name "pre-down" interface.preDown))
      + lib.optionalString (interface.postDown != "") (setting "PostDown" (script name "post-down" interface.postDown))
      + lib.concatStrings (lib.mapAttrsToList setting interface.extraOptions)
      + lib.concatMapStrings (
        peer:
        "\n[Peer]\n"
        + setting "PublicKey" peer.publicKey
        + setting "PresharedKey" peer.presharedKey
        + setting "Endpoint" peer.endpoint
        + setting "PersistentKeepalive" peer.persistentKeepalive
        + lib.optionalString (peer.allowedIPs != [ ]) (setting "AllowedIPs" (lib.concatStringsSep "," peer.allowedIPs))
      ) interface.peers
    );

  unit =
    name: interface:
    let
      file = if interface.configFile != null then interface.configFile else configuration name interface;
      # The interface is called as the file is.
      place = "/run/wg-quick/${name}.conf";
    in
    lib.nameValuePair "wg-quick-${name}" {
      description = "wg-quick WireGuard Tunnel - ${name}";
      requires = [ "network-online.target" ];
      after = [
        "network.target"
        "network-online.target"
      ];
      wantedBy = lib.optional interface.autostart "multi-user.target";
      environment.DEVICE = name;
      unitConfig.ConditionPathExists = lib.optional (interface.configFile != null) interface.configFile;
      script = ''
        install -D -m 0600 ${lib.escapeShellArg "${file}"} ${place}
        /usr/bin/wg-quick up ${place}
      '';
      preStop = ''
        /usr/bin/wg-quick down ${place}
      '';
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
    };

  usesOnly =
    interface:
    interface.configFile == null
    || (interface.privateKey == null && interface.privateKeyFile == null && interface.peers == [ ] && interface.address == [ ]);
in
{
  options.networking.wg-quick.interfaces = mkOption {
    type = types.attrsOf (types.submodule interfaceModule);
    default = { };
    example = {
      wg0 = {
        address = [ "192.168.20.4/24" ];
        privateKeyFile = "/run/secrets/wireguard-key";
        peers = [
          {
            allowedIPs = [ "192.168.20.1/32" ];
            publicKey = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
            endpoint = "demo.wireguard.io:12913";
          }
        ];
      };
    };
    description = "Tunnels, by the name of their interface.";
  };

  config = lib.mkIf (cfg.interfaces != { }) {
    environment.debianPackages = [ "wireguard-tools" ];
    boot.kernelModules = [ "wireguard" ];

    systemd.services = lib.mapAttrs' unit cfg.interfaces;

    # The firewall must not take answers that come by another way for forged.
    networking.firewall.checkReversePath = lib.mkDefault "loose";

    assertions = lib.concatLists (
      lib.mapAttrsToList (name: interface: [
        {
          assertion = usesOnly interface;
          message = "networking.wg-quick.interfaces.${name}: configFile is the whole configuration; address, peers and keys must not be set beside it.";
        }
        {
          assertion =
            interface.configFile != null || (interface.privateKey != null) != (interface.privateKeyFile != null);
          message = "networking.wg-quick.interfaces.${name} must have either privateKey or privateKeyFile.";
        }
        {
          assertion = interface.generatePrivateKeyFile -> interface.privateKeyFile != null;
          message = "networking.wg-quick.interfaces.${name}.generatePrivateKeyFile needs privateKeyFile.";
        }
      ]) cfg.interfaces
    );
  };
}
