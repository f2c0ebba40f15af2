# A network comes with each copy of the card. NetworkManager only reads what it would join by.
{ pkgs, ... }:

{
  # On a Raspberry Pi the host tries one of these after the other, and the kernel's log says what became of it.
  specialisation = {
    panics.configuration.boot.initrd.postDeviceCommands = "echo c > /proc/sysrq-trigger";
    # QEMU's watchdog bites as soon as somebody arms it.
    other.configuration.boot.kernelParams = [ "systemd.watchdog_sec=0" ];
  };
  systemd.services.try-generations = {
    wantedBy = [ "multi-user.target" ];
    after = [ "systemd-growfs-root.service" ];
    unitConfig.ConditionFirmware = "device-tree-compatible(raspberrypi,3-model-b)";
    restartIfChanged = false;
    serviceConfig.Type = "oneshot";
    script = ''
      try() {
        echo "$1" > /var/lib/step
        said=$(/run/current-system/specialisation/$2/bin/trial-boot set 2>&1) || echo "trial: $said" > /dev/kmsg
      }
      echo "called $(uname -n)." > /dev/kmsg
      step=$(cat /var/lib/step || echo first)
      echo "trial: $step $(/run/current-system/bin/trial-boot status)" > /dev/kmsg
      case $step in
        first) try panicked panics ;;
        panicked) try tried other ;;
        tried) /run/current-system/bin/trial-boot confirm && echo confirmed > /var/lib/step ;;
        confirmed) exit ;;
      esac
      systemctl reboot
    '';
  };

  networking.wireless.enable = true;
  environment.debianPackages = [ "network-manager" ];

  # As fleets for nixpkgs have it.
  nixpkgs.buildPlatform = "x86_64-linux";
  sdImage = {
    imageBaseName = "board";
    firmwareSize = 40;
    compressImage = false;
    populateFirmwareCommands = ''
      sed -i s/^avoid_warnings=1$/avoid_warnings=2/ firmware/config.txt
      cp ${pkgs.writeText "overclock" "arm_freq=1200\n"} $NIX_BUILD_TOP/firmware/overclock.txt
    '';
    populateRootCommands = ''
      mkdir -p ./files/srv
      echo populated > ./files/srv/note
    '';
  };
}
