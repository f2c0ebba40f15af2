# Time zone.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  zone = config.time.timeZone;
in
{
  options = {
    time.timeZone = mkOption {
      type = types.nullOr (types.strMatching "[A-Za-z0-9_+/-]+");
      default = null;
      example = "Europe/Berlin";
      description = "The time zone; null is UTC, and can be changed on the host by `timedatectl`.";
    };
    time.hardwareClockInLocalTime = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the machine's clock has local time, not UTC.";
    };
  };

  config = {
    environment.debianPackages = [ "tzdata" ];
    environment.sessionVariables.TZDIR = "/usr/share/zoneinfo";

    environment.etc = {
      localtime = lib.mkIf (zone != null) {
        source = "/usr/share/zoneinfo/${zone}";
        mode = "direct-symlink";
      };
      timezone = lib.mkIf (zone != null) { text = zone + "\n"; };
      adjtime = lib.mkIf config.time.hardwareClockInLocalTime {
        text = ''
          0.0 0 0.0
          0
          LOCAL
        '';
      };
    };
  };
}
