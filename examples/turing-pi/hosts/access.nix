# Who gets in: one user, by key alone, who may become root without a password.
{
  users.users.deploy = {
    isNormalUser = true;
    extraGroups = [ "wheel" ];
    # Your keys.
    openssh.authorizedKeys.keys = [ ];
  };

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
      KbdInteractiveAuthentication = false;
    };
    # An RSA key takes a small board long to find, and serves old clients alone.
    hostKeys = [
      {
        type = "ed25519";
        path = "/etc/ssh/ssh_host_ed25519_key";
      }
    ];
  };
}
