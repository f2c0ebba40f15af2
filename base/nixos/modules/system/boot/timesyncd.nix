# The time, by systemd-timesyncd.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.timesyncd;
in
{
  options.services.timesyncd = {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the clock follows servers in the network.";
    };
    servers = mkOption {
      type = types.nullOr (types.listOf types.str);
      default = config.networking.timeServers;
      defaultText = lib.literalExpression "config.networking.timeServers";
      description = "The servers; null for those that the network names.";
    };
    fallbackServers = mkOption {
      type = types.nullOr (types.listOf types.str);
      default = config.networking.timeServers;
      defaultText = lib.literalExpression "config.networking.timeServers";
      description = "Servers for when there are no others.";
    };
    extraConfig = mkOption {
      type = types.lines;
      default = "";
      example = "PollIntervalMaxSec=180";
      description = "Further lines of {manpage}`timesyncd.conf(5)`.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [ "systemd-timesyncd" ];

    users.users.systemd-timesync = {
      isSystemUser = true;
      group = "systemd-timesync";
      description = "systemd Time Synchronization";
    };
    users.groups.systemd-timesync = { };

    environment.etc."systemd/timesyncd.conf".text = ''
      [Time]
      ${lib.optionalString (cfg.servers != null) "NTP=${lib.concatStringsSep " " cfg.servers}\n"}${
        lib.optionalString (cfg.fallbackServers != null) "FallbackNTP=${lib.concatStringsSep " " cfg.fallbackServers}\n"
      }${cfg.extraConfig}
    '';

    systemd.services.systemd-timesyncd = {
      overrideStrategy = "asDropin";
      wantedBy = [ "sysinit.target" ];
      aliases = [ "dbus-org.freedesktop.timesync1.service" ];
      restartTriggers = [ config.environment.etc."systemd/timesyncd.conf".source ];
    };
  };
}
