# A card to begin with: SSH answers, the user `nixos` may become root.
{ lib, ... }:

{
  imports = [
    ../../profiles/installation-device.nix
    ./sd-image-aarch64.nix
  ];

  # Faster to write than it is to compress away.
  documentation.doc.enable = lib.mkDefault false;
}
