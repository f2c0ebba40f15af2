# The least that a module needs to be reached.
{
  imports = [ ../hosts/access.nix ];

  system.stateVersion = "25.11";
  networking.useDHCP = true;
  # The board's controller takes no other compression.
  sdImage.compression = "xz";
}
