# A machine without a screen and a keyboard.
{ lib, ... }:

{
  # Nobody could answer a shell on the console.
  systemd.enableEmergencyMode = false;

  # A kernel that has stopped for good starts again.
  boot.kernelParams = [ "panic=1" ];

  systemd.services."getty@tty1".enable = lib.mkDefault false;
}
