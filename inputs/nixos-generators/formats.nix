# The formats of nixos-generators as variants of the base's images.
{ lib }:

let
  # Where the names differ.
  variants = {
    install-iso = "iso-installer";
    kexec-bundle = "kexec";
    qcow-efi = "qcow2";
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
  # imageOf :: Configuration -> String -> Derivation
  imageOf =
    config: format:
    let
      inherit (config.system.build) images;
      variant = variants.${format} or format;
    in
    images.${variant} or (throw (
      "there is no image of the format '${format}': "
      + (instead.${format} or "this host has ${lib.concatStringsSep ", " (lib.attrNames images)}")
    ));

  # variantOf :: String -> String
  variantOf = format: variants.${format} or format;
}
