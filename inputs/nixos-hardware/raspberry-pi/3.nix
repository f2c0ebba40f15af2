{ lib, ... }:

{
  imports = [ ./common.nix ];
  hardware.deviceTree.filter = lib.mkDefault "bcm2837-rpi-*.dtb";
}
