# The machine, its users, its network and its image.
{
  lib,
  etc,
  has,
  refused,
  card,
  installer,
  key,
}:

let
  every = [
    "card"
    "cluster"
    "runners"
  ];
  user = module: { users.users.ada = { isNormalUser = true; } // module; };
in
[
  {
    option = "environment.etc.<f>.mode";
    systems = [ "runners" ];
    path = [ "environment" "etc" "probe" ];
    value = {
      text = "x";
      mode = "0400";
    };
    says = "the file is a copy of that mode";
    reaches = config: config.environment.etc.probe.mode == "0400";
  }
  {
    option = "environment.etc.<f>.target";
    systems = [ "runners" ];
    path = [ "environment" "etc" "probe" ];
    value = {
      text = "x";
      target = "secrets/probe";
    };
    says = "the file is there";
    reaches = config: config.environment.etc.probe.target == "secrets/probe";
  }
  {
    option = "environment.etc.<f>.text";
    systems = [ "runners" ];
    path = [ "environment" "etc" "probe" "text" ];
    value = "x";
    says = "the file has it";
    reaches = config: etc "probe" config == "x";
  }
  {
    option = "environment.etc.<f>.user";
    systems = [ "runners" ];
    path = [ "environment" "etc" "probe" ];
    value = {
      text = "x";
      mode = "0400";
      user = "ada";
    };
    says = "the copy has the owner";
    reaches = config: config.environment.etc.probe.user == "ada";
  }
  {
    option = "environment.systemPackages";
    systems = every;
    # Its package is out of a lock, and there is none here.
    given.programs.nano.enable = false;
    value = [ { outPath = "/nix/store/x"; debianPackages = [ "htop" ]; } ];
    says = "the package is in the system (test of the examples)";
    reaches = config: lib.any (package: package.debianPackages or [ ] == [ "htop" ]) config.environment.systemPackages;
  }
  {
    option = "hardware.enableRedistributableFirmware";
    systems = [ "card" ];
    value = true;
    says = "Debian's firmware packages are in the system";
    reaches = config: lib.any (lib.hasPrefix "firmware-") config.environment.debianPackages;
  }
  {
    option = "i18n.defaultLocale";
    systems = [ "runners" ];
    value = "en_US.UTF-8";
    says = "locale.conf has it";
    reaches = config: has "LANG=en_US.UTF-8" (etc "locale.conf" config);
  }
  {
    option = "installer.cloneConfig";
    systems = [ "card" ];
    imports = [ installer ];
    value = false;
    says = "false is taken; a host has no configuration of its own";
    reaches = config: !(refused "installer.cloneConfig" config);
  }
  {
    option = "networking.firewall.allowedTCPPortRanges";
    systems = [ "cluster" ];
    value = [
      {
        from = 10250;
        to = 10252;
      }
    ];
    says = "the rules have it";
    reaches = config: lib.hasInfix "10250-10252" config.networking.nftables.tables.nixos-fw.content;
  }
  {
    option = "networking.firewall.allowedTCPPorts";
    systems = [ "cluster" ];
    value = [ 6443 ];
    says = "the rules have it";
    reaches = config: lib.hasInfix "6443" config.networking.nftables.tables.nixos-fw.content;
  }
  {
    option = "networking.firewall.enable";
    systems = [ "cluster" ];
    value = true;
    says = "the rules are there";
    reaches = config: config.networking.nftables.tables ? nixos-fw;
  }
  {
    option = "networking.hostName";
    systems = every;
    value = "node3";
    says = "/etc/hostname has it";
    reaches = config: lib.trim (etc "hostname" config) == "node3";
  }
  {
    option = "networking.networkmanager.enable";
    systems = [ "runners" ];
    value = true;
    says = "Debian's package is in the system, networkd is not at work";
    reaches = config: lib.elem "network-manager" config.environment.debianPackages && !config.systemd.network.enable;
  }
  {
    option = "networking.useDHCP";
    systems = [
      "cluster"
      "runners"
    ];
    value = true;
    says = "networkd asks on all cables";
    reaches = config: lib.any (network: network.networkConfig.DHCP or null == "yes" || network.DHCP or null == "yes") (lib.attrValues config.systemd.network.networks);
  }
  {
    option = "networking.wireless.enable";
    systems = [ "card" ];
    value = true;
    says = "Debian's package is in the system";
    reaches = config: lib.elem "wpasupplicant" config.environment.debianPackages;
  }
  {
    option = "networking.wireless.interfaces";
    systems = [ "card" ];
    given.networking.wireless.enable = true;
    value = [ "wlan0" ];
    says = "the interface has a service";
    reaches = config: config.systemd.services ? wpa_supplicant-wlan0;
  }
  {
    option = "networking.wireless.networks.<ssid>.psk";
    systems = [ "card" ];
    given.networking.wireless.enable = true;
    path = [ "networking" "wireless" "networks" "home" "psk" ];
    value = "a password";
    says = "the option has it, for the service's file";
    reaches = config: config.networking.wireless.networks.home.psk == "a password";
  }
  {
    option = "nixpkgs.hostPlatform";
    systems = [ "runners" ];
    value = "x86_64-linux";
    says = "the package set is for it";
    reaches = config: config.nixpkgs.hostPlatform.system == "x86_64-linux";
  }
  {
    option = "sdImage.compressImage";
    systems = [ "card" ];
    imports = [ card ];
    value = false;
    says = "the image's file is not compressed";
    reaches = config: config.sdImage.compression == "none" && config.image.extension == "img";
  }
  {
    option = "sdImage.firmwareSize";
    systems = [ "card" ];
    imports = [ card ];
    value = 256;
    says = "the option has it, for the image";
    reaches = config: config.sdImage.firmwareSize == 256;
  }
  {
    option = "sdImage.populateFirmwareCommands";
    systems = [ "card" ];
    imports = [ card ];
    value = "cp x firmware/";
    says = "the sandbox runs them for the image";
    reaches = config: config.sdImage.populateFirmwareCommands == "cp x firmware/";
  }
  {
    option = "sdImage.populateRootCommands";
    systems = [ "card" ];
    imports = [ card ];
    value = "mkdir files/x";
    says = "the sandbox runs them for the image";
    reaches = config: config.sdImage.populateRootCommands == "mkdir files/x";
  }
  {
    option = "system.stateVersion";
    systems = every;
    value = "24.11";
    says = "the option has it";
    reaches = config: config.system.stateVersion == "24.11";
  }
  {
    option = "time.timeZone";
    systems = [
      "card"
      "runners"
    ];
    value = "America/Los_Angeles";
    says = "/etc/localtime leads to it";
    reaches = config: config.time.timeZone == "America/Los_Angeles" && config.environment.etc ? localtime;
  }
  {
    option = "users.extraUsers.<u>.openssh.authorizedKeys.keys";
    systems = [ "card" ];
    given = user { };
    path = [ "users" "extraUsers" "ada" "openssh" "authorizedKeys" "keys" ];
    value = [ key ];
    says = "authorized_keys.d has it";
    reaches = config: has key (etc "ssh/authorized_keys.d/ada" config);
  }
  {
    option = "users.users.<u>.openssh.authorizedKeys.keys";
    systems = every;
    given = user { };
    path = [ "users" "users" "ada" "openssh" "authorizedKeys" "keys" ];
    value = [ key ];
    says = "authorized_keys.d has it";
    reaches = config: has key (etc "ssh/authorized_keys.d/ada" config);
  }
  {
    option = "users.mutableUsers";
    systems = [ "runners" ];
    value = false;
    says = "the option has it, for the activation";
    reaches = config: !config.users.mutableUsers;
  }
  {
    option = "users.users.<u>.extraGroups";
    systems = every;
    given = user { };
    path = [ "users" "users" "ada" "extraGroups" ];
    value = [ "wheel" ];
    says = "the user is in it";
    reaches = config: lib.elem "wheel" config.users.users.ada.extraGroups;
  }
  {
    option = "users.users.<u>.hashedPassword";
    systems = [
      "cluster"
      "runners"
    ];
    path = [ "users" "users" "root" "hashedPassword" ];
    value = "!";
    says = "the option has it, for the activation";
    reaches = config: config.users.users.root.hashedPassword == "!";
  }
  {
    option = "users.users.<u>.home";
    systems = [ "card" ];
    given = user { };
    path = [ "users" "users" "ada" "home" ];
    value = "/srv/ada";
    says = "the user has it";
    reaches = config: config.users.users.ada.home == "/srv/ada";
  }
  {
    option = "users.users.<u>.isNormalUser";
    systems = every;
    path = [ "users" "users" "ada" "isNormalUser" ];
    value = true;
    says = "the user has a home and the group `users`";
    reaches = config: config.users.users.ada.home == "/home/ada" && config.users.users.ada.group == "users";
  }
  {
    option = "users.users.<u>.linger";
    systems = [ "runners" ];
    given = user { };
    path = [ "users" "users" "ada" "linger" ];
    value = true;
    says = "the user's manager starts with the host (test of the example `fpga-runners`)";
    reaches = config: config.users.users.ada.linger;
  }
  {
    option = "users.users.<u>.openssh.authorizedKeys.keys";
    systems = every;
    given = user { };
    path = [ "users" "users" "ada" "openssh" "authorizedKeys" "keys" ];
    value = [ key ];
    says = "authorized_keys.d has it";
    reaches = config: has key (etc "ssh/authorized_keys.d/ada" config);
  }
]
