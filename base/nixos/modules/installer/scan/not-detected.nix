# What generated hardware configurations import: hardware that a scan cannot tell.
{ lib, ... }:

{
  hardware.enableRedistributableFirmware = lib.mkDefault true;
}
