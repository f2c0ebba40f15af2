# A machine with an ARM processor, built wherever the first one is.
{
  nixpkgs.hostPlatform = "aarch64-linux";
  networking.hostName = "beta";

  boot.kernelParams = [ "console=ttyAMA0,115200n8" ];
}
