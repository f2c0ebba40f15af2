# A cache of the host's store, by harmonia.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.harmonia;
  format = pkgs.formats.toml { };
  credentials = lib.imap0 (index: path: "sign-key-${toString index}:${path}") cfg.signKeyPaths;
in
{
  imports = [
    (lib.mkRenamedOptionModule
      [ "services" "harmonia" "cache" "enable" ]
      [ "services" "harmonia" "enable" ]
    )
  ];

  options.services.harmonia = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host's store is a cache for others.";
    };
    package = mkOption {
      type = types.package;
      default =
        pkgs.harmonia or (throw ''
          services.harmonia.package: Debian has no harmonia. Set the option to a package with bin/harmonia that you build
          (pkgs.rustPlatform.buildRustPackage), or serve the store from another host.'');
      defaultText = lib.literalExpression "pkgs.harmonia";
      description = "harmonia, with its program at `bin/harmonia`. Debian has none.";
    };
    signKeyPaths = mkOption {
      type = types.listOf types.path;
      default = [ ];
      description = "Files on the host with the keys that paths are signed by.";
    };
    settings = mkOption {
      inherit (format) type;
      default = { };
      example = {
        bind = "127.0.0.1:5000";
        workers = 4;
      };
      description = "The server's settings.";
    };
  };

  config = lib.mkIf cfg.enable {
    users.users.harmonia = {
      isSystemUser = true;
      group = "harmonia";
      description = "Binary cache server";
    };
    users.groups.harmonia = { };

    nix.settings.extra-allowed-users = [ "harmonia" ];

    services.harmonia.settings = lib.mapAttrs (_: lib.mkDefault) {
      bind = "[::]:5000";
      workers = 4;
      max_connection_rate = 256;
      priority = 50;
    };

    systemd.services.harmonia = {
      description = "Binary cache of the store";
      after = [ "network.target" ];
      wantedBy = [ "multi-user.target" ];
      environment = {
        CONFIG_FILE = format.generate "harmonia.toml" cfg.settings;
        SIGN_KEY_PATHS = lib.concatMapStringsSep " " (
          credential: "%d/${lib.head (lib.splitString ":" credential)}"
        ) credentials;
      };
      serviceConfig = {
        ExecStart = "${cfg.package}/bin/harmonia";
        User = "harmonia";
        Group = "harmonia";
        Restart = "on-failure";
        LoadCredential = credentials;
        CapabilityBoundingSet = "";
        NoNewPrivileges = true;
        PrivateDevices = true;
        PrivateTmp = true;
        ProtectHome = true;
        ProtectSystem = "strict";
        LimitNOFILE = 65536;
      };
    };
  };
}
