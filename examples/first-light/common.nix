# What both hosts have.
{ pkgs, ... }:

{
  system.stateVersion = "25.11";

  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
    autoResize = true;
  };
  fileSystems."/boot" = {
    device = "/dev/disk/by-label/ESP";
    fsType = "vfat";
    options = [ "umask=0077" ];
  };

  boot.loader.systemd-boot.enable = true;
  boot.loader.timeout = 1;
  boot.growPartition = true;

  i18n.defaultLocale = "C.UTF-8";
  time.timeZone = "Europe/Berlin";

  # Keys let in, passwords never do.
  services.openssh = {
    enable = true;
    settings = {
      PasswordAuthentication = false;
      KbdInteractiveAuthentication = false;
    };
    # An RSA key takes an emulated processor long to find, and serves old clients alone.
    hostKeys = [
      {
        type = "ed25519";
        path = "/etc/ssh/ssh_host_ed25519_key";
      }
    ];
  };

  # A person who may become root; their keys go to openssh.authorizedKeys.keys.
  users.users.admin = {
    isNormalUser = true;
    extraGroups = [ "wheel" ];
  };
  security.sudo.wheelNeedsPassword = false;

  users.users.ada = {
    isNormalUser = true;
    description = "Ada";
    extraGroups = [ "wheel" ];
    # Made by mkpasswd from "first light". It opens the console, never SSH.
    hashedPassword = "$6$firstlight$lWDV/PVcTYBvclEwVnWKZxBMeL2l41dLObt7G5by9y0HM2TWO6PTGVwq56jMX1DmSUWuCqo6tQcUVm95k3usk1";
  };

  environment.systemPackages = with pkgs; [
    bash-completion
    bind9-dnsutils
    bsdextrautils
    curl
    ethtool
    file
    gdb
    git
    gnupg
    htop
    iotop-c
    iperf3
    jq
    less
    lsof
    man-db
    mtr-tiny
    nano
    ncdu
    net-tools
    netcat-openbsd
    nmap
    pciutils
    python3
    ripgrep
    rsync
    socat
    strace
    sysstat
    tcpdump
    tmux
    tree
    unzip
    usbutils
    vim
    wget
    wireguard-tools
    zip
  ];
}
