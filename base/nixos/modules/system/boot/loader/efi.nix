# The EFI system partition and the firmware's variables.
{ lib, ... }:

{
  options.boot.loader.efi = {
    canTouchEfiVariables = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Whether an installation enters the boot loader into the firmware's variables.";
    };
    efiSysMountPoint = lib.mkOption {
      type = lib.types.str;
      default = "/boot";
      description = "Where the EFI system partition is mounted.";
    };
  };
}
