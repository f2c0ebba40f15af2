{ lib, pkgs, ... }:

{
  specialisation = {
    # Something of each kind is another.
    changed.configuration = {
      systemd.services = {
        changed.serviceConfig.X-Version = "2";
        restarted.serviceConfig.X-Version = "2";
        reloaded.serviceConfig.X-Version = "2";
        kept.serviceConfig.X-Version = "2";
        required.serviceConfig.X-Version = "2";
        socketed.serviceConfig.X-Version = "2";
        "instance@".serviceConfig.X-Version = "2";
        described.description = "Another description";
        triggered.reloadTriggers = [ "2" ];
        requires.reloadTriggers = [ "2" ];
        removed.enable = false;
        stays.enable = false;
        added = {
          wantedBy = [ "multi-user.target" ];
          serviceConfig.ExecStart = "/usr/bin/sleep infinity";
        };
      };
      systemd.timers.timed.timerConfig.OnCalendar = "2098-01-01";
      systemd.mounts = lib.mkForce [
        {
          what = "tmpfs";
          type = "tmpfs";
          where = "/mounted";
          options = "size=2M";
          wantedBy = [ "local-fs.target" ];
        }
      ];
      fileSystems = {
        "/tabled".options = [ "size=2M" ];
        "/going".enable = lib.mkForce false;
        "/coming" = {
          device = "tmpfs";
          fsType = "tmpfs";
        };
      };
      systemd.user.services.personal.serviceConfig.X-Version = "2";
      systemd.tmpfiles.rules = [ "d /var/lib/made 0750 root root -" ];
      boot.kernel.sysctl."net.ipv4.ip_default_ttl" = 42;
      users.users.newcomer.isNormalUser = true;
      environment.systemPackages = [ pkgs.hello ];
      environment.etc."new-file".text = "new\n";
    };

    failing.configuration.systemd.services.fails = {
      wantedBy = [ "multi-user.target" ];
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "/usr/bin/false";
      };
    };

    confused.configuration.system.activationScripts.confused = "false";

    # On another network than everybody else.
    unreachable.configuration.systemd.network.networks."10-wire".address = [ "198.51.100.2/24" ];

    refused.configuration.system.preSwitchChecks.never = "echo never; false";

    # The kernel finds no root file system, and nobody to ask.
    panics.configuration.boot.kernelParams = [ "rdinit=/nowhere" ];
  };
}
