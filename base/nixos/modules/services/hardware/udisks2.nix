# Disks that users may mount.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.udisks2;
in
{
  options.services.udisks2 = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether programs of users may ask for disks to be mounted.";
    };
    mountOnMedia = mkOption {
      type = types.bool;
      default = false;
      description = "Whether disks are mounted below /media for everyone, not below /run/media for who asked.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [ "udisks2" ];
    security.polkit.enable = true;

    environment.etc."udev/rules.d/98-udisks-shared.rules" = lib.mkIf cfg.mountOnMedia {
      text = ''
        ENV{ID_FS_USAGE}=="filesystem", ENV{UDISKS_FILESYSTEM_SHARED}="1"
      '';
    };
    systemd.tmpfiles.rules = [
      "d /media 0755 root root -"
      "d /var/lib/udisks2 0755 root root -"
    ];
    systemd.services.udisks2 = {
      overrideStrategy = "asDropin";
      wantedBy = [ "graphical.target" ];
    };
  };
}
