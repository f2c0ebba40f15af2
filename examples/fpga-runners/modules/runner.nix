# What every runner has: a Raspberry Pi that starts from its card, lets its keepers in, and works for one user.
{
  lib,
  pkgs,
  identifier,
  user,
  modulesPath,
  ...
}:

{
  imports = [ "${modulesPath}/installer/scan/not-detected.nix" ];

  nixpkgs.hostPlatform = lib.mkDefault "aarch64-linux";
  system.stateVersion = "25.11";
  networking.hostName = "runner${identifier}";

  boot = {
    initrd.availableKernelModules = [
      "xhci_pci"
      "usbhid"
      "usb_storage"
    ];
    # The multiplexers of SD cards are SCSI devices.
    kernelModules = [ "sg" ];
    loader.grub.enable = false;
    loader.generic-extlinux-compatible.enable = true;
  };
  fileSystems."/" = {
    device = "/dev/disk/by-label/NIXOS_SD";
    fsType = "ext4";
    options = [ "noatime" ];
  };

  networking.networkmanager.enable = true;
  time.timeZone = "UTC";
  i18n.defaultLocale = "en_US.UTF-8";

  users = {
    mutableUsers = false;
    users.${user} = {
      isNormalUser = true;
      linger = true;
      extraGroups = [
        "dialout"
        "networkmanager"
        "wheel"
      ];
      # Made by mkpasswd; your own in its place. It opens the console and sudo, never SSH.
      hashedPassword = "$6$firstlight$lWDV/PVcTYBvclEwVnWKZxBMeL2l41dLObt7G5by9y0HM2TWO6PTGVwq56jMX1DmSUWuCqo6tQcUVm95k3usk1";
      # Your keys.
      openssh.authorizedKeys.keys = [ ];
    };
  };
  security.sudo.wheelNeedsPassword = true;

  services.openssh = {
    enable = true;
    settings = {
      PasswordAuthentication = false;
      KbdInteractiveAuthentication = false;
    };
    hostKeys = [
      {
        type = "ed25519";
        path = "/etc/ssh/ssh_host_ed25519_key";
      }
    ];
  };

  # A card is small.
  nix.gc = {
    automatic = true;
    dates = "weekly";
    persistent = true;
  };
  services.journald.extraConfig = "MaxRetentionSec=2weeks";
  nix.settings.trusted-users = [ user ];
  nix.settings.experimental-features = [
    "nix-command"
    "flakes"
  ];

  programs.zsh.enable = true;
  environment.systemPackages = with pkgs; [
    fd
    git
    picocom
    ripgrep
    tmux
    usbutils
    vim
  ];
}
