# What a switch does to services that Debian packages ship, where a restart would
# take something away from somebody: the flags that NixOS has for the same services.
{ lib, ... }:

let
  marked =
    flag: names:
    lib.genAttrs names (_: {
      overrideStrategy = "asDropin";
      ${flag} = false;
    });
in
{
  config = {
    systemd.services =
      # They hold sessions, or are done once a boot.
      marked "restartIfChanged" [
        "autovt@"
        "console-getty"
        "container-getty@"
        "display-manager"
        "getty@"
        "serial-getty@"
        "systemd-backlight@"
        "systemd-fsck-root"
        "systemd-fsck@"
        "systemd-growfs-root"
        "systemd-growfs@"
        "systemd-journal-flush"
        "systemd-random-seed"
        "systemd-remount-fs"
        "systemd-update-utmp"
        "systemd-user-sessions"
        "user-runtime-dir@"
        "user@"
      ]
      # Nothing may be without them for as long as an activation takes.
      // marked "stopIfChanged" [
        "systemd-journald"
        "systemd-journald@"
        "systemd-networkd"
        "systemd-resolved"
        "systemd-udevd"
        "wpa_supplicant"
        "wpa_supplicant@"
      ];

    # Services wait again for the mounts that a switch brings.
    systemd.targets = lib.genAttrs [ "local-fs" "remote-fs" ] (_: {
      overrideStrategy = "asDropin";
      unitConfig.X-StopOnReconfiguration = true;
    });
  };
}
