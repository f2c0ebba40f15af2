{ lib, ... }:

{
  imports = [ ./common.nix ];
  hardware.deviceTree.filter = lib.mkDefault "bcm2712-rpi-*.dtb";
}
