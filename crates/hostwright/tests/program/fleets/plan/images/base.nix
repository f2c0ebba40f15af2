# Enough to let the keys in.
{
  users.users.deploy = {
    isNormalUser = true;
    extraGroups = [ "wheel" ];
    openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAtHeNoDeShOlDeRsKeYxxxxxxxxxxxxxxxxxxxxxxxx deploy" ];
  };
  services.openssh = {
    enable = true;
    settings.PasswordAuthentication = false;
  };
  networking.useDHCP = true;
  system.stateVersion = "24.11";
}
