# What all nodes have.
{ lib, pkgs, ... }:

{
  imports = [ ./access.nix ];

  system.stateVersion = "25.11";

  # `hostwright apply --on @k3s-server` changes all of them.
  deployment = {
    targetUser = "deploy";
    tags = [ "k3s-server" ];
  };

  users.users.root.hashedPassword = "!";
  services.openssh.settings.PermitRootLogin = "no";
  # In a virtual machine of `hostwright vm` the key that it makes for root gets in.
  image.modules.vm.services.openssh.settings.PermitRootLogin = lib.mkForce "prohibit-password";

  networking = {
    useDHCP = true;
    nftables.enable = true;
    firewall = {
      enable = true;
      allowedTCPPorts = [
        22
        6443
      ];
      # The kubelet's.
      allowedTCPPortRanges = [
        {
          from = 10250;
          to = 10252;
        }
      ];
    };
  };

  # Longhorn's volumes come over iSCSI.
  services.openiscsi = {
    enable = true;
    name = "iqn.2026-01.example:turing-pi";
  };

  environment.systemPackages = with pkgs; [
    curl
    git
    htop
    vim
  ];

  nix.settings.experimental-features = [
    "nix-command"
    "flakes"
  ];
}
