# As little as boots and answers on SSH.
{ lib, ... }:

{
  nixpkgs.hostPlatform = "x86_64-linux";
  networking.hostName = "switcher";
  system.stateVersion = "25.11";

  boot.kernelParams = [ "console=ttyS0,115200n8" ];
  boot.loader.systemd-boot = {
    enable = true;
    configurationLimit = 3;
  };
  boot.loader.timeout = 0;

  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
  };
  fileSystems."/boot" = {
    device = "/dev/disk/by-label/ESP";
    fsType = "vfat";
    options = [ "umask=0077" ];
  };

  services.openssh = {
    enable = true;
    hostKeys = [
      {
        type = "ed25519";
        path = "/etc/ssh/ssh_host_ed25519_key";
      }
    ];
  };

  # What the host has in namespaces.
  systemd.network.networks."10-wire" = {
    matchConfig.Name = "wire0";
    address = lib.mkDefault [ "192.0.2.2/24" ];
  };

  # Its manager runs without a login.
  users.users.lingers = {
    isNormalUser = true;
    uid = 1001;
    linger = true;
  };
}
