# The options of every flake.
{
  imports = [
    ./flake.nix
    ./outputs.nix
    ./per-system.nix
    ./transposition.nix
    ./with-system.nix
  ];
}
