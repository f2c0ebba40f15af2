# Wireless networks by wpa_supplicant.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.networking.wireless;

  networkModule =
    { name, config, ... }:
    {
      options = {
        ssid = mkOption {
          type = types.str;
          default = name;
          description = "The network's name.";
        };
        psk = mkOption {
          type = types.nullOr (types.strMatching "[[:print:]]{8,63}");
          default = null;
          description = "The passphrase. It is readable by everyone on the host and in the store; {option}`pskRaw` with `ext:NAME` and {option}`networking.wireless.secretsFile` keep it secret.";
        };
        pskRaw = mkOption {
          type = types.nullOr (types.strMatching "([[:xdigit:]]{64})|(ext:[^=]+)");
          default = null;
          example = "ext:home";
          description = "The key in hexadecimal as `wpa_passphrase` makes it, or `ext:NAME` for a line of {option}`networking.wireless.secretsFile`.";
        };
        authProtocols = mkOption {
          type = types.listOf types.str;
          default = [
            "WPA-PSK"
            "WPA-PSK-SHA256"
            "SAE"
            "FT-SAE"
            "FT-PSK"
          ];
          description = "Ways to authenticate.";
        };
        auth = mkOption {
          type = types.nullOr types.lines;
          default = null;
          example = ''
            eap=PEAP
            identity="user@example.com"
            password=ext:example_password
          '';
          description = "Settings of the network by which it is authenticated, in the form of {manpage}`wpa_supplicant.conf(5)`.";
        };
        hidden = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the network does not tell its name and must be asked for.";
        };
        priority = mkOption {
          type = types.nullOr types.int;
          default = null;
          description = "The priority among networks that are there; higher goes first.";
        };
        extraConfig = mkOption {
          type = types.lines;
          default = "";
          example = "bssid_blacklist=02:11:22:33:44:55";
          description = "Further settings of the network.";
        };
      };
    };

  isOpen = network: network.psk == null && network.pskRaw == null && network.auth == null;

  networkText =
    network:
    let
      settings =
        [ ''ssid="${network.ssid}"'' ]
        ++ lib.optional (network.psk != null) ''psk="${network.psk}"''
        ++ lib.optional (network.pskRaw != null) "psk=${network.pskRaw}"
        ++ [
          "key_mgmt=${if isOpen network then "NONE" else lib.concatStringsSep " " network.authProtocols}"
        ]
        ++ lib.optional network.hidden "scan_ssid=1"
        ++ lib.optional (network.auth != null) network.auth
        ++ lib.optional (network.priority != null) "priority=${toString network.priority}"
        ++ lib.optional (network.extraConfig != "") network.extraConfig;
    in
    "network={\n${lib.concatStringsSep "\n" settings}\n}\n";

  configuration = pkgs.writeText "wpa_supplicant.conf" (
    lib.optionalString cfg.userControlled.enable ''
      ctrl_interface=DIR=/run/wpa_supplicant GROUP=${cfg.userControlled.group}
      ctrl_interface_group=${cfg.userControlled.group}
      update_config=1
    ''
    + lib.optionalString (cfg.secretsFile != null) "ext_password_backend=file:${cfg.secretsFile}\n"
    + "pmf=1\n"
    + lib.optionalString cfg.scanOnLowSignal "bgscan=\"simple:30:-70:3600\"\n"
    + cfg.extraConfig
    + lib.concatMapStrings networkText (lib.attrValues cfg.networks)
  );

  # And the network of this machine alone.
  personal = lib.optionalString config.image.personal.enable " -I /var/lib/hostwright/wireless.conf";

  arguments = "-c /etc/wpa_supplicant/nixos.conf${personal} -D${cfg.driver}${lib.optionalString cfg.dbusControlled " -u"}";

  unit = interface: {
    description = "WPA Supplicant instance for interface ${interface}";
    after = [ "sys-subsystem-net-devices-${utils.escapeSystemdPath interface}.device" ];
    requires = [ "sys-subsystem-net-devices-${utils.escapeSystemdPath interface}.device" ];
    before = [ "network.target" ];
    wants = [ "network.target" ];
    wantedBy = [ "multi-user.target" ];
    restartTriggers = [ configuration ];
    serviceConfig = {
      ExecStart = "/usr/sbin/wpa_supplicant ${arguments} -i ${interface}";
      RuntimeDirectory = "wpa_supplicant";
      Restart = "on-failure";
    };
  };

  # Without a list every interface that is there when the service starts.
  anyInterface = {
    description = "WPA Supplicant";
    before = [ "network.target" ];
    wants = [ "network.target" ];
    wantedBy = [ "multi-user.target" ];
    after = [ "systemd-udev-settle.service" ];
    restartTriggers = [ configuration ];
    serviceConfig = {
      Restart = "on-failure";
      # Debian's unit of this name is of D-Bus, where ending well without an interface is a failure.
      Type = "exec";
      # In place of the one that it has.
      ExecStart = [
        ""
        "${startOnAll}"
      ];
    };
  };

  startOnAll = pkgs.writeShellScript "wpa-supplicant-start" ''
    interfaces=
    for directory in /sys/class/net/*/wireless; do
      [ -e "$directory" ] || continue
      name=$(basename "$(dirname "$directory")")
      interfaces="$interfaces ''${interfaces:+-N }-i $name -c /etc/wpa_supplicant/nixos.conf${personal} -D${cfg.driver}"
    done
    if [ -z "$interfaces" ]; then
      echo "no wireless interface" >&2
      exit 0
    fi
    exec /usr/sbin/wpa_supplicant ${lib.optionalString cfg.dbusControlled "-u "}$interfaces
  '';
in
{
  options.networking.wireless = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether wpa_supplicant joins wireless networks.";
    };

    interfaces = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "wlan0" ];
      description = "The interfaces; all wireless ones if empty.";
    };

    driver = mkOption {
      type = types.str;
      default = "nl80211,wext";
      description = "How the kernel is spoken to.";
    };

    networks = mkOption {
      type = types.attrsOf (types.submodule networkModule);
      default = { };
      example = lib.literalExpression ''
        {
          echelon.pskRaw = "ext:psk_echelon";
          "free.wifi" = { };
        }
      '';
      description = "Networks by name.";
    };

    secretsFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = "/run/secrets/wireless.conf";
      description = "A file on the host with lines `NAME=value`, for values `ext:NAME`.";
    };

    scanOnLowSignal = mkOption {
      type = types.bool;
      default = true;
      description = "Whether a better access point is looked for when the signal gets weak.";
    };

    dbusControlled = mkOption {
      type = types.bool;
      default = lib.length cfg.interfaces < 2;
      defaultText = lib.literalMD "whether there is at most one interface";
      description = "Whether other programs control it over D-Bus.";
    };

    userControlled = {
      enable = mkOption {
        type = types.bool;
        default = false;
        description = "Whether users of the group may change networks by `wpa_cli`.";
      };
      group = mkOption {
        type = types.str;
        default = "wheel";
        description = "The group.";
      };
    };

    extraConfig = mkOption {
      type = types.lines;
      default = "";
      description = "Further lines of the configuration.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [
      "iw"
      "wireless-regdb"
      "wpasupplicant"
    ];
    environment.etc."wpa_supplicant/nixos.conf".source = configuration;

    systemd.services =
      if cfg.interfaces == [ ] then
        { wpa_supplicant = anyInterface; }
      else
        lib.listToAttrs (
          map (interface: lib.nameValuePair "wpa_supplicant-${interface}" (unit interface)) cfg.interfaces
        );

    assertions = [
      {
        assertion = !config.networking.networkmanager.enable;
        message = "networking.wireless.enable and networking.networkmanager.enable are both set; NetworkManager runs wpa_supplicant itself.";
      }
    ]
    ++ lib.mapAttrsToList (name: network: {
      assertion = lib.count (value: value != null) [ network.psk network.pskRaw network.auth ] <= 1;
      message = "networking.wireless.networks.\"${name}\" has more than one of psk, pskRaw and auth.";
    }) cfg.networks;
  };
}
