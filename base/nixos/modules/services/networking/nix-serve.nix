# A cache of the host's store, by nix-serve.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.nix-serve;
in
{
  options.services.nix-serve = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host's store is a cache for others.";
    };
    package = mkOption {
      type = types.package;
      default =
        pkgs.nix-serve or (throw ''
          services.nix-serve.package: Debian has no nix-serve. Set the option to a package with bin/nix-serve that you build,
          or serve the store from another host.'');
      defaultText = lib.literalExpression "pkgs.nix-serve";
      description = "nix-serve, with its program at `bin/nix-serve`. Debian has none.";
    };
    port = mkOption {
      type = types.port;
      default = 5000;
      description = "The port that it listens on.";
    };
    bindAddress = mkOption {
      type = types.str;
      default = "0.0.0.0";
      description = "The address that it listens on.";
    };
    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the port is open.";
    };
    secretKeyFile = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "A file on the host with the key that paths are signed by.";
    };
    extraParams = mkOption {
      type = types.separatedString " ";
      default = "";
      description = "Further arguments.";
    };
  };

  config = lib.mkIf cfg.enable {
    nix.settings.extra-allowed-users = [ "nix-serve" ];
    users.users.nix-serve = {
      isSystemUser = true;
      group = "nix-serve";
      description = "Nix-serve user";
    };
    users.groups.nix-serve = { };
    networking.firewall.allowedTCPPorts = lib.optional cfg.openFirewall cfg.port;

    systemd.services.nix-serve = {
      description = "Binary cache of the store";
      after = [ "network.target" ];
      wantedBy = [ "multi-user.target" ];
      environment = lib.optionalAttrs (cfg.secretKeyFile != null) {
        NIX_SECRET_KEY_FILE = "%d/key";
      };
      serviceConfig = {
        ExecStart = "${cfg.package}/bin/nix-serve --listen ${cfg.bindAddress}:${toString cfg.port} ${cfg.extraParams}";
        User = "nix-serve";
        Group = "nix-serve";
        Restart = "always";
        RestartSec = "5s";
        LoadCredential = lib.optional (cfg.secretKeyFile != null) "key:${cfg.secretKeyFile}";
      };
    };
  };
}
