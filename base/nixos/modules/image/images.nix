# Images of the host, by variant: `system.build.images.NAME` is the host with the
# modules of `image.modules.NAME`.
{
  config,
  lib,
  pkgs,
  extendModules,
  ...
}:

let
  inherit (lib) mkOption types;

  diskImage =
    format:
    {
      imports = [ ../virtualisation/disk-image.nix ];
      image.format = format;
      image.efiSupport = true;
    };

  # The card boots by U-Boot, whatever the host's disk boots by, and has no partition for /boot.
  onCard = {
    imports = [ ../installer/sd-card/sd-image-aarch64.nix ];
    boot.loader.systemd-boot.enable = lib.mkForce false;
    boot.loader.generic-extlinux-compatible.enable = lib.mkForce true;
    fileSystems = lib.mkIf (config.fileSystems ? "/boot") { "/boot".enable = lib.mkForce false; };
  };

  # A board's host starts from its card in a virtual machine, too, with U-Boot in the place of its own.
  byUBoot =
    config.boot.loader.generic-extlinux-compatible.enable && !config.boot.loader.systemd-boot.enable;
  cardOfMachine = {
    imports = [
      onCard
      ../profiles/qemu-guest.nix
    ];
    sdImage.compressImage = lib.mkForce false;
    # What the emulator says to systemd comes through it.
    boot.initrd.kernelModules = [ "qemu_fw_cfg" ];
  };

  variants = lib.mapAttrs (_: module: extendModules { modules = [ module ]; }) config.image.modules;

  aliases = {
    vm = if byUBoot then null else "raw-efi";
    # As nixos-generators calls it.
    sd-aarch64 = if pkgs.stdenv.hostPlatform.isAarch64 then "sd-card" else null;
  };
  aliased = lib.mapAttrs (_: name: variants.${name}) (lib.filterAttrs (_: name: name != null) aliases);
in
{
  options.image.modules = mkOption {
    type = types.attrsOf types.deferredModule;
    default = { };
    description = "What each variant of the image adds to the configuration.";
  };

  config = {
    image.modules = {
      raw-efi = diskImage "raw";
      qcow2 = diskImage "qcow2";
      qcow-efi = diskImage "qcow2";
      qemu-efi = diskImage "qcow2";
    }
    // lib.optionalAttrs pkgs.stdenv.hostPlatform.isAarch64 {
      sd-card = onCard;
      sd-aarch64-installer.imports = [
        onCard
        ../installer/sd-card/sd-image-aarch64-installer.nix
      ];
    }
    // lib.optionalAttrs byUBoot { vm = cardOfMachine; };

    system.build.images = lib.mapAttrs (
      name: variant:
      let
        inherit (variant.config) image;
        built = variant.config.system.build.image;
      in
      lib.extendDerivation true {
        passthru = {
          inherit (variant) config;
          inherit (image) filePath;
        };
        inherit (variant) config;
        inherit (image) filePath;
        # What a virtual machine needs to start from it.
        firmware = if byUBoot then "u-boot" else "uefi";
      } built
    ) (aliased // variants);
  };
}
