# A machine with an x86-64 processor.
{
  nixpkgs.hostPlatform = "x86_64-linux";
  networking.hostName = "alpha";

  boot.kernelParams = [ "console=ttyS0,115200n8" ];
}
