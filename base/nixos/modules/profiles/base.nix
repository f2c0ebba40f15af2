# The tools of a rescue system: disks, file systems, networks.
{ lib, pkgs, ... }:

{
  environment.systemPackages = [
    pkgs.cryptsetup
    pkgs.ddrescue
    pkgs.efibootmgr
    pkgs.efivar
    pkgs.gptfdisk
    pkgs.hdparm
    pkgs.jq
    pkgs.nvme-cli
    pkgs.parted
    pkgs.pciutils
    pkgs.rsync
    pkgs.screen
    pkgs.sdparm
    pkgs.smartmontools
    pkgs.socat
    pkgs.testdisk
    pkgs.unzip
    pkgs.usbutils
    pkgs.w3m
    pkgs.zip
  ];

  boot.supportedFilesystems = lib.genAttrs [
    "btrfs"
    "cifs"
    "f2fs"
    "ntfs"
    "vfat"
    "xfs"
  ] (_: lib.mkDefault true);

  networking.hostId = lib.mkDefault "8425e349";
}
