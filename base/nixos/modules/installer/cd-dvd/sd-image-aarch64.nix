# The path that old configurations import.
{
  imports = [ ../sd-card/sd-image-aarch64.nix ];

  warnings = [
    "installer/cd-dvd/sd-image-aarch64.nix is now installer/sd-card/sd-image-aarch64.nix; import that."
  ];
}
