# Options that had other names, and options that are no more, with what to do instead.
{ lib, ... }:

let
  inherit (lib)
    mkAliasOptionModule
    mkRemovedOptionModule
    mkRenamedOptionModule
    ;
  path = lib.splitString ".";
  renamed = old: new: mkRenamedOptionModule (path old) (path new);
  alias = old: new: mkAliasOptionModule (path old) (path new);
  removed = old: advice: mkRemovedOptionModule (path old) advice;

  # systemd takes times of its own form; the option is a setting of its manager.
  watchdog =
    old: setting:
    renamed "systemd.watchdog.${old}" "systemd.settings.Manager.${setting}";
in
{
  imports = [
    (alias "services.openssh.knownHosts" "programs.ssh.knownHosts")

    (renamed "boot.cleanTmpDir" "boot.tmp.cleanOnBoot")
    (renamed "boot.tmpOnTmpfs" "boot.tmp.useTmpfs")
    (renamed "boot.tmpOnTmpfsSize" "boot.tmp.tmpfsSize")
    (renamed "boot.loader.gummiboot.enable" "boot.loader.systemd-boot.enable")
    (renamed "boot.loader.gummiboot.timeout" "boot.loader.timeout")
    (renamed "boot.extraKernelParams" "boot.kernelParams")
    (renamed "boot.initrd.extraKernelModules" "boot.initrd.kernelModules")
    (renamed "environment.promptInit" "programs.bash.promptInit")
    (renamed "i18n.consoleFont" "console.font")
    (renamed "i18n.consoleKeyMap" "console.keyMap")
    (renamed "i18n.consoleColors" "console.colors")
    (renamed "programs.bash.enableCompletion" "programs.bash.completion.enable")
    (renamed "system.nixosLabel" "system.nixos.label")
    (renamed "system.nixosVersion" "system.nixos.version")
    (renamed "users.defaultShell" "users.defaultUserShell")

    (watchdog "device" "WatchdogDevice")
    (watchdog "runtimeTime" "RuntimeWatchdogSec")
    (watchdog "rebootTime" "RebootWatchdogSec")
    (watchdog "kexecTime" "KExecWatchdogSec")

    (removed "boot.loader.raspberryPi.enable" ''
      The host boots by U-Boot, which reads the menu of boot.loader.generic-extlinux-compatible:
      leave boot.loader.raspberryPi out and set boot.loader.generic-extlinux-compatible.enable.
    '')
    (removed "boot.loader.raspberryPi.version" ''
      One image starts on the Raspberry Pi 3 and 4; leave it out.
    '')
    (removed "boot.loader.raspberryPi.uboot.enable" ''
      Set boot.loader.generic-extlinux-compatible.enable.
    '')
    (removed "boot.loader.raspberryPi.firmwareConfig" ''
      Set sdImage.populateFirmwareCommands, or write to the firmware partition on the host.
    '')
    (removed "boot.zfs.enableUnstable" "Debian has one version of ZFS.")
    (removed "environment.noXlibs" ''
      Debian's packages are built once for all; leave the option out.
    '')
    (removed "networking.useHostResolvConf" "It concerned containers only; leave it out.")
    (removed "security.hideProcessInformation" ''
      Set the mount option hidepid of /proc, or ProtectProc of single services.
    '')
    (removed "services.openssh.startAgent" "Set programs.ssh.startAgent.")
    (removed "nix.linux-builder.enable" ''
      It is an option of nix-darwin, for the machine that you sit at. Nothing needs it here: hostwright makes
      hosts and images of any architecture on any machine. Leave nix.linux-builder out.
    '')
    (removed "nix.linux-builder.systems" "Leave nix.linux-builder out; see nix.linux-builder.enable.")
    (removed "nixpkgs.initialSystem" "Set nixpkgs.hostPlatform.")
    (removed "users.motdFile" "Set users.motd.")
  ];
}
