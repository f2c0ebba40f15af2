{ pkgs, ... }:
{
  users.users.deploy = {
    isNormalUser = true;
    extraGroups = [ "wheel" ];
    openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAtHeNoDeShOlDeRsKeYxxxxxxxxxxxxxxxxxxxxxxxx deploy" ];
  };
  users.users.root.hashedPassword = "!";
  security.sudo.extraRules = [
    {
      users = [ "deploy" ];
      commands = [
        {
          command = "ALL";
          options = [ "NOPASSWD" ];
        }
      ];
    }
  ];

  services.openssh = {
    enable = true;
    settings = {
      PasswordAuthentication = false;
      PermitRootLogin = "no";
    };
  };

  networking.useDHCP = true;
  networking.firewall = {
    enable = true;
    allowedTCPPorts = [
      22
      6443
    ];
    allowedTCPPortRanges = [
      {
        from = 10250;
        to = 10252;
      }
    ];
  };

  environment.systemPackages = with pkgs; [
    vim
    htop
    curl
    git
  ];

  nix.settings.experimental-features = [
    "nix-command"
    "flakes"
  ];
  system.stateVersion = "24.11";
}
