# The formats of nixos-generators as variants of the base's images.
{ lib }:

let
  # Where the names differ.
  variants = {
    install-iso = "iso-installer";
    kexec-bundle = "kexec";
    qcow-efi = "qcow2";
  };

  # Formats whose options a configuration may set (`sdImage.…`), by the module that declares them and makes `system.build.image`.
  modules = {
    sd-aarch64 = "installer/sd-card/sd-image-aarch64.nix";
    sd-aarch64-installer = "installer/sd-card/sd-image-aarch64-installer.nix";
  };

  instead = {
    raw = "the hosts of the base start by UEFI: take raw-efi";
    raw-bios = "the hosts of the base start by UEFI: take raw-efi";
    qcow = "the hosts of the base start by UEFI: take qcow-efi";
    vm = "`hostwright vm FLAKE#HOST` starts a host in a virtual machine";
    vm-bootloader = "`hostwright vm FLAKE#HOST` starts a host in a virtual machine";
    vm-nogui = "`hostwright vm FLAKE#HOST` starts a host in a virtual machine";
  };
in
{
  # moduleOf :: String -> Module
  # What a format adds to the host itself.
  moduleOf =
    format:
    { modulesPath, ... }:
    {
      imports = lib.optional (modules ? ${format}) "${modulesPath}/${modules.${format}}";
    };

  # imageOf :: Configuration -> String -> Derivation
  imageOf =
    config: format:
    let
      inherit (config.system.build) images;
      variant = variants.${format} or format;
    in
    if modules ? ${format} && config ? sdImage then
      config.system.build.image
    else
      images.${variant} or (throw (
        "there is no image of the format '${format}': "
        + (instead.${format} or "this host has ${lib.concatStringsSep ", " (lib.attrNames images)}")
      ));

  # variantOf :: String -> String
  variantOf = format: variants.${format} or format;
}
