# Units of the kinds that nixpkgs' nixos/tests/switch-test.nix goes through.
{ lib, pkgs, ... }:

let
  oneshot = {
    wantedBy = [ "multi-user.target" ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "/usr/bin/true";
      ExecReload = "/usr/bin/true";
    };
  };
  with' = lib.recursiveUpdate oneshot;
in
{
  systemd.services = {
    # Runs through everything.
    untouched = {
      wantedBy = [ "multi-user.target" ];
      serviceConfig.ExecStart = "/usr/bin/sleep infinity";
    };
    # Keeps its longest pause, too: how often it has slept; the pause, less what it waited for a processor; and that, in seconds.
    counting = {
      wantedBy = [ "multi-user.target" ];
      serviceConfig = {
        ExecStart = "/usr/bin/perl ${pkgs.writeText "counting.pl" ''
          open my $uptime, "<", "/proc/uptime" or die;
          open my $schedule, "<", "/proc/self/schedstat" or die;
          sub said {
              my ($file, $field) = @_;
              sysseek $file, 0, 0;
              sysread $file, my $line, 100 or die;
              (split " ", $line)[$field];
          }
          my ($times, $longest, $queued) = (0, 0, 0);
          my ($time, $wait) = (said($uptime, 0), said($schedule, 1) / 1e9);
          while (1) {
              select undef, undef, undef, 0.01;
              my ($now, $waited) = (said($uptime, 0), said($schedule, 1) / 1e9);
              my $pause = $now - $time - ($waited - $wait);
              ($longest, $queued) = ($pause, $waited - $wait) if $pause > $longest;
              ($time, $wait) = ($now, $waited);
              sysseek STDOUT, 0, 0;
              syswrite STDOUT, sprintf "%12d %12.3f %12.3f\n", ++$times, $longest, $queued;
          }
        ''}";
        StandardOutput = "truncate:/run/counted";
      };
    };
    changed = oneshot;
    described = oneshot;
    triggered = oneshot;
    required = oneshot;
    removed = oneshot;
    restarted = with' { stopIfChanged = false; };
    reloaded = with' { reloadIfChanged = true; };
    kept = with' { restartIfChanged = false; };
    stays = with' { unitConfig.X-StopOnRemoval = false; };
    requires = with' { requires = [ "required.service" ]; };
    asked = with' { stopIfChanged = false; };
    socketed = {
      serviceConfig = {
        ExecStart = "/usr/bin/sleep infinity";
        X-Version = lib.mkDefault "1";
      };
    };
    "instance@" = removeAttrs oneshot [ "wantedBy" ];
    "instance@one" = {
      overrideStrategy = "asDropin";
      wantedBy = [ "multi-user.target" ];
    };
    "instance@two" = {
      overrideStrategy = "asDropin";
      wantedBy = [ "multi-user.target" ];
    };
    timed.serviceConfig = {
      Type = "oneshot";
      ExecStart = "/usr/bin/true";
    };
  };
  systemd.sockets.socketed = {
    wantedBy = [ "sockets.target" ];
    listenStreams = [ "/run/socketed.sock" ];
  };
  systemd.timers.timed = {
    wantedBy = [ "timers.target" ];
    timerConfig.OnCalendar = lib.mkDefault "2099-01-01";
  };
  systemd.mounts = [
    {
      what = "tmpfs";
      type = "tmpfs";
      where = "/mounted";
      options = lib.mkDefault "size=1M";
      wantedBy = [ "local-fs.target" ];
    }
  ];
  fileSystems = {
    "/tabled" = {
      device = "tmpfs";
      fsType = "tmpfs";
      options = lib.mkDefault [ "size=1M" ];
    };
    "/going" = {
      device = "tmpfs";
      fsType = "tmpfs";
    };
  };
  systemd.user.services.personal = {
    wantedBy = [ "default.target" ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "/usr/bin/true";
    };
  };
  system.activationScripts.asking = {
    supportsDryActivation = true;
    text = ''
      if [ -e /var/lib/asking ]; then
        case $NIXOS_ACTION in
          dry-activate) echo asked.service >> /run/nixos/dry-activation-restart-list ;;
          *) echo asked.service >> /run/nixos/activation-restart-list ;;
        esac
      fi
    '';
  };
}
