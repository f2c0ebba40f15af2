# A system to install others from, or a board's first: whoever is at its console or holds a key may do everything.
{ lib, ... }:

{
  imports = [ ./clone-config.nix ];

  users.users.nixos = {
    isNormalUser = true;
    extraGroups = [
      "wheel"
      "video"
    ];
    # At the console; SSH lets nobody in without a password.
    initialHashedPassword = "";
  };
  users.users.root.initialHashedPassword = "";

  security.sudo = {
    enable = lib.mkDefault true;
    wheelNeedsPassword = lib.mkImageMediaOverride false;
  };

  services.openssh = {
    enable = lib.mkDefault true;
    settings.PermitRootLogin = lib.mkDefault "yes";
  };
}
