{ pkgs, ... }:

{
  nixpkgs.hostPlatform = "aarch64-linux";
  networking.hostName = "card";
  system.stateVersion = "25.11";

  services.openssh = {
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
  # Your key, so that nobody else gets in: users.users.nixos.openssh.authorizedKeys.keys = [ "ssh-ed25519 …" ];

  environment.systemPackages = with pkgs; [
    git
    usbutils
    vim
  ];
}
