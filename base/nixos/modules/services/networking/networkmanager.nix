# NetworkManager.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.networking.networkmanager;

  settingType = types.attrsOf (
    types.attrsOf (
      types.nullOr (
        types.oneOf [
          types.bool
          types.int
          types.float
          types.str
        ]
      )
    )
  );

  settingText = value: if builtins.isBool value then lib.boolToString value else toString value;

  # NetworkManager.conf(5): groups of settings, as GLib's key files have them.
  keyFile =
    groups:
    lib.concatStrings (
      lib.mapAttrsToList (
        group: settings:
        lib.optionalString (settings != { }) (
          "[${group}]\n"
          + lib.concatStrings (
            lib.mapAttrsToList (name: value: lib.optionalString (value != null) "${name}=${settingText value}\n") settings
          )
          + "\n"
        )
      ) groups
    );

  macAddress = mkOption {
    type = types.either types.str (
      types.enum [
        "permanent"
        "preserve"
        "random"
        "stable"
        "stable-ssid"
      ]
    );
    default = "preserve";
    example = "00:11:22:33:44:55";
    description = "The hardware address of interfaces: one, the device's own (`permanent`), the one it has (`preserve`), or one made up.";
  };

  profileFile =
    name: profile:
    pkgs.writeText "${lib.strings.sanitizeDerivationName name}.nmconnection" (keyFile profile);

  profiles = lib.mapAttrsToList (name: profile: {
    file = "${name}.nmconnection";
    source = profileFile name profile;
  }) cfg.ensureProfiles.profiles;

  dispatcherDirectory = {
    basic = "";
    pre-up = "pre-up.d/";
    pre-down = "pre-down.d/";
  };
in
{
  imports = [
    (lib.mkRemovedOptionModule [ "networking" "networkmanager" "useDnsmasq" ] "Set networking.networkmanager.dns to \"dnsmasq\".")
    (lib.mkRenamedOptionModule [ "networking" "networkmanager" "packages" ] [ "networking" "networkmanager" "plugins" ])
    (lib.mkRemovedOptionModule [ "networking" "networkmanager" "extraConfig" ] "Use networking.networkmanager.settings.")
  ];

  options.networking.networkmanager = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether NetworkManager sets up the interfaces. Users of the group `networkmanager` may change them.";
    };

    package = mkOption {
      type = types.package;
      default = pkgs.networkmanager;
      defaultText = lib.literalExpression "pkgs.networkmanager";
      description = "NetworkManager.";
    };

    plugins = mkOption {
      type = types.listOf types.package;
      default = [ ];
      example = lib.literalExpression "[ pkgs.network-manager-openvpn ]";
      description = "Plugins, for other kinds of VPN for instance.";
    };

    settings = mkOption {
      type = settingType;
      default = { };
      example = {
        connectivity.enabled = false;
      };
      description = "Settings of {manpage}`NetworkManager.conf(5)`, by section.";
    };

    connectionConfig = mkOption {
      type = types.attrsOf (
        types.nullOr (
          types.oneOf [
            types.bool
            types.int
            types.float
            types.str
          ]
        )
      );
      default = { };
      description = "What connections have unless they say otherwise: the section `[connection]`.";
    };

    unmanaged = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "interface-name:wg0" ];
      description = "Devices that are left alone.";
    };

    dhcp = mkOption {
      type = types.enum [ "internal" ];
      default = "internal";
      description = "What asks for addresses. Debian's NetworkManager is built with a client of its own.";
    };

    logLevel = mkOption {
      type = types.enum [
        "OFF"
        "ERR"
        "WARN"
        "INFO"
        "DEBUG"
        "TRACE"
      ];
      default = "WARN";
      description = "What is logged.";
    };

    appendNameservers = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Name servers after those of the network.";
    };

    insertNameservers = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Name servers before those of the network.";
    };

    ethernet.macAddress = macAddress;

    wifi = {
      inherit macAddress;
      backend = mkOption {
        type = types.enum [
          "wpa_supplicant"
          "iwd"
        ];
        default = "wpa_supplicant";
        description = "What speaks with access points.";
      };
      powersave = mkOption {
        type = types.nullOr types.bool;
        default = null;
        description = "Whether the radio rests between packets; null leaves it to the driver.";
      };
      scanRandMacAddress = mkOption {
        type = types.bool;
        default = true;
        description = "Whether a made-up hardware address is used while looking for networks.";
      };
    };

    dns = mkOption {
      type = types.enum [
        "default"
        "dnsmasq"
        "systemd-resolved"
        "none"
      ];
      default = if config.services.resolved.enable then "systemd-resolved" else "default";
      defaultText = lib.literalMD "`systemd-resolved` where {option}`services.resolved.enable` is set, else `default`";
      description = "Who gets to know the name servers.";
    };

    dispatcherScripts = mkOption {
      type = types.listOf (
        types.submodule {
          options = {
            source = mkOption {
              type = types.path;
              description = "The script.";
            };
            type = mkOption {
              type = types.enum (lib.attrNames dispatcherDirectory);
              default = "basic";
              description = "When it runs; see {manpage}`NetworkManager-dispatcher(8)`.";
            };
          };
        }
      );
      default = [ ];
      description = "Scripts run when an interface comes up or goes down.";
    };

    ensureProfiles = {
      profiles = mkOption {
        type = types.attrsOf settingType;
        default = { };
        example = {
          home-wifi = {
            connection = {
              id = "home-wifi";
              type = "wifi";
            };
            wifi.ssid = "Home";
            wifi-security = {
              key-mgmt = "wpa-psk";
              psk = "$HOME_WIFI_PASSWORD";
            };
          };
        };
        description = "Connections by name; see {manpage}`nm-settings-keyfile(5)`. `$NAME` is replaced from {option}`networking.networkmanager.ensureProfiles.environmentFiles`.";
      };

      environmentFiles = mkOption {
        type = types.listOf types.path;
        default = [ ];
        description = "Files on the host with lines `NAME=value`, for secrets.";
      };
    };
  };

  config = lib.mkIf cfg.enable {
    networking = {
      # One program sets interfaces up.
      useDHCP = false;
      wireless.enable = lib.mkDefault false;

      networkmanager = {
        connectionConfig = {
          "ethernet.cloned-mac-address" = cfg.ethernet.macAddress;
          "wifi.cloned-mac-address" = cfg.wifi.macAddress;
          "wifi.powersave" =
            if cfg.wifi.powersave == null then
              null
            else if cfg.wifi.powersave then
              3
            else
              2;
        };

        settings = {
          main = {
            plugins = "keyfile";
            inherit (cfg) dhcp dns;
            # Debian's interfaces(5) has no say on these hosts.
            auth-polkit = true;
          };
          keyfile.unmanaged-devices = if cfg.unmanaged == [ ] then null else lib.concatStringsSep ";" cfg.unmanaged;
          logging = {
            audit = config.security.audit.enable or false;
            level = cfg.logLevel;
          };
          connection = cfg.connectionConfig;
          device = {
            "wifi.scan-rand-mac-address" = cfg.wifi.scanRandMacAddress;
            "wifi.backend" = cfg.wifi.backend;
          };
        };
      };
    };

    security.polkit = {
      enable = true;
      extraConfig = ''
        // Members of the group networkmanager change connections without a password.
        polkit.addRule(function(action, subject) {
          if (subject.isInGroup("networkmanager")
              && (action.id.indexOf("org.freedesktop.NetworkManager.") == 0
                  || action.id.indexOf("org.freedesktop.ModemManager") == 0)) {
            return polkit.Result.YES;
          }
        });
      '';
    };

    environment.debianPackages = [
      "network-manager"
      (if cfg.wifi.backend == "iwd" then "iwd" else "wpasupplicant")
    ]
    ++ cfg.package.debianPackages or [ ]
    ++ lib.optional (profiles != [ ]) "gettext-base"
    ++ lib.concatMap (plugin: plugin.debianPackages) cfg.plugins;

    users.groups.networkmanager = { };

    environment.etc = {
      "NetworkManager/NetworkManager.conf".text = keyFile cfg.settings;
    }
    // lib.optionalAttrs (cfg.appendNameservers != [ ] || cfg.insertNameservers != [ ]) {
      "NetworkManager/dispatcher.d/02overridedns".source = pkgs.writeScript "02overridedns" ''
        #!/bin/sh
        # What the network says, between what the configuration says.
        [ -e /etc/resolv.conf ] || exit 0
        new=$(mktemp /etc/resolv.conf.XXXXXX) || exit 1
        {
          ${lib.concatMapStringsSep "\n  " (server: "echo 'nameserver ${server}'") cfg.insertNameservers}
          cat /etc/resolv.conf
          ${lib.concatMapStringsSep "\n  " (server: "echo 'nameserver ${server}'") cfg.appendNameservers}
        } | awk '!seen[$0]++' > "$new"
        chmod 0644 "$new" && mv "$new" /etc/resolv.conf
      '';
    }
    // lib.listToAttrs (
      lib.imap1 (
        index: script:
        lib.nameValuePair
          "NetworkManager/dispatcher.d/${dispatcherDirectory.${script.type}}03userscript${lib.fixedWidthNumber 4 index}"
          {
            mode = "0544";
            inherit (script) source;
          }
      ) cfg.dispatcherScripts
    );

    systemd.services = {
      NetworkManager = {
        overrideStrategy = "asDropin";
        wantedBy = [ "multi-user.target" ];
        restartTriggers = [ config.environment.etc."NetworkManager/NetworkManager.conf".source ];
      };
      NetworkManager-wait-online = {
        overrideStrategy = "asDropin";
        wantedBy = [ "network-online.target" ];
      };
      NetworkManager-dispatcher = {
        overrideStrategy = "asDropin";
        aliases = [ "dbus-org.freedesktop.nm-dispatcher.service" ];
      };

      NetworkManager-ensure-profiles = lib.mkIf (profiles != [ ]) {
        description = "Ensure that NetworkManager declarative profiles are created";
        wantedBy = [ "multi-user.target" ];
        before = [ "network-online.target" ];
        after = [ "NetworkManager.service" ];
                script = ''
          mkdir -p /run/NetworkManager/system-connections
          umask 0077
          ${lib.concatMapStrings (profile: ''
            envsubst < ${profile.source} > /run/NetworkManager/system-connections/${lib.escapeShellArg profile.file}
          '') profiles}
          if systemctl is-active --quiet NetworkManager.service; then
            nmcli connection reload
          fi
        '';
        serviceConfig = {
          EnvironmentFile = cfg.ensureProfiles.environmentFiles;
          Type = "oneshot";
        };
      };
    };
  };
}
