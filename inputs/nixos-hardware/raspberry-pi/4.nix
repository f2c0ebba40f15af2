{ lib, ... }:

{
  imports = [ ./common.nix ];
  hardware.deviceTree.filter = lib.mkDefault "bcm2711-rpi-*.dtb";
}
