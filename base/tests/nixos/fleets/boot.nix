# Kernel, boot loader and file systems.
{
  lib,
  etc,
  has,
  refused,
}:

let
  every = [
    "card"
    "cluster"
    "runners"
  ];
in
[
  {
    option = "boot.binfmt.emulatedSystems";
    systems = [ "runners" ];
    given.nixpkgs.hostPlatform = "x86_64-linux";
    value = [ "aarch64-linux" ];
    says = "the emulator is in binfmt.d";
    reaches = config: lib.hasPrefix ":aarch64-linux:M::" (etc "binfmt.d/nixos.conf" config);
  }
  {
    option = "boot.cleanTmpDir";
    systems = [ "card" ];
    value = true;
    says = "`boot.tmp.cleanOnBoot` has it";
    reaches = config: config.boot.tmp.cleanOnBoot;
  }
  {
    option = "boot.consoleLogLevel";
    systems = [ "card" ];
    value = 5;
    says = "the kernel's arguments have it";
    reaches = config: lib.elem "loglevel=5" config.boot.kernelParams;
  }
  {
    option = "boot.extraModulePackages";
    systems = [ "runners" ];
    value = [ ];
    says = "an empty list is taken; modules from elsewhere are refused";
    reaches = config: !(refused "boot.extraModulePackages" config);
  }
  {
    option = "boot.initrd.availableKernelModules";
    systems = every;
    value = [ "xhci_pci" ];
    says = "the initrd's list has it";
    reaches = config: lib.elem "xhci_pci" config.boot.initrd.availableKernelModules;
  }
  {
    option = "boot.initrd.kernelModules";
    systems = [ "runners" ];
    value = [ "usb_storage" ];
    says = "the initrd's list has it";
    reaches = config: lib.elem "usb_storage" config.boot.initrd.kernelModules;
  }
  {
    option = "boot.kernelModules";
    systems = [ "runners" ];
    value = [ "sg" ];
    says = "modules-load.d has it";
    reaches = config: has "sg" (etc "modules-load.d/nixos.conf" config);
  }
  {
    option = "boot.kernelParams";
    systems = [
      "card"
      "runners"
    ];
    value = [ "console=ttyS1,115200n8" ];
    says = "the kernel's arguments have it";
    reaches = config: lib.elem "console=ttyS1,115200n8" config.boot.kernelParams;
  }
  {
    option = "boot.kernelPackages";
    systems = [
      "card"
      "cluster"
    ];
    value = { kernel.version = "6.12"; };
    says = "the system's kernel is that one (test of the example `turing-pi`)";
    reaches = config: config.boot.kernelPackages.kernel.version == "6.12";
  }
  {
    option = "boot.loader.generic-extlinux-compatible.enable";
    systems = [
      "cluster"
      "runners"
    ];
    value = true;
    says = "the loader of the boot entries is extlinux";
    reaches = config: config.boot.loader.generic-extlinux-compatible.enable && !(refused "boot.loader" config);
  }
  {
    option = "boot.loader.grub.enable";
    systems = every;
    value = false;
    says = "false is taken; GRUB is refused";
    reaches = config: !(refused "grub" config);
  }
  {
    option = "boot.loader.raspberryPi.enable";
    systems = [ "card" ];
    value = true;
    says = "U-Boot with extlinux is what to set";
    removed = "generic-extlinux-compatible";
  }
  {
    option = "boot.loader.raspberryPi.uboot.enable";
    systems = [ "card" ];
    value = true;
    says = "U-Boot with extlinux is what to set";
    removed = "generic-extlinux-compatible";
  }
  {
    option = "boot.loader.raspberryPi.version";
    systems = [ "card" ];
    value = 4;
    says = "one image starts on all";
    removed = "leave it out";
  }
  {
    option = "fileSystems.<m>.device";
    systems = every;
    path = [ "fileSystems" "/" "device" ];
    value = "/dev/disk/by-label/NIXOS_SD";
    says = "fstab has it";
    reaches = config: lib.hasInfix "/dev/disk/by-label/NIXOS_SD / ext4" (etc "fstab" config);
  }
  {
    option = "fileSystems.<m>.fsType";
    systems = every;
    path = [ "fileSystems" "/" "fsType" ];
    value = "btrfs";
    says = "fstab has it";
    reaches = config: lib.hasInfix " / btrfs" (etc "fstab" config);
  }
  {
    option = "fileSystems.<m>.options";
    systems = [
      "cluster"
      "runners"
    ];
    path = [ "fileSystems" "/" "options" ];
    value = [ "noatime" ];
    says = "fstab has it";
    reaches = config: lib.any (line: lib.hasInfix " / ext4 " line && lib.hasInfix "noatime" line) (lib.splitString "\n" (etc "fstab" config));
  }
  {
    option = "swapDevices";
    systems = [
      "card"
      "runners"
    ];
    value = [
      {
        device = "/swapfile";
        size = 1024;
      }
    ];
    says = "fstab has it, and a service makes the file";
    reaches =
      config:
      lib.hasInfix "/swapfile none swap" (etc "fstab" config) && config.systemd.services ? mkswap-swapfile;
  }
]
