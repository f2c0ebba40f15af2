# What all 64-bit Raspberry Pis have: U-Boot with its menu, and drivers that the initrd needs.
{ lib, pkgs, ... }:

{
  boot = {
    initrd.availableKernelModules = [
      "usb_storage"
      "usbhid"
    ];
    kernelPackages = lib.mkDefault pkgs.linuxPackages_rpi4;
    loader = {
      generic-extlinux-compatible.enable = lib.mkDefault true;
      grub.enable = lib.mkDefault false;
    };
  };
  hardware.enableRedistributableFirmware = lib.mkDefault true;
}
