# GRUB, which the Debian base does not have: its options say so.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
in
{
  options.boot.loader.grub = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host boots by GRUB. The Debian base has {option}`boot.loader.systemd-boot`.";
    };
    device = mkOption {
      type = types.str;
      default = "";
      description = "The disk that GRUB would be on.";
    };
    devices = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "The disks that GRUB would be on.";
    };
    efiSupport = mkOption {
      type = types.bool;
      default = false;
      description = "Whether GRUB would be an EFI program.";
    };
  };

  config.assertions =
    let
      cfg = config.boot.loader.grub;
    in
    [
      {
        assertion = !cfg.enable && cfg.device == "" && cfg.devices == [ ] && !cfg.efiSupport;
        message = "boot.loader.grub: the Debian base has no GRUB. On EFI machines use boot.loader.systemd-boot.enable, or take nixpkgs as the base.";
      }
    ];
}
