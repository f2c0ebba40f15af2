# An SD card for 64-bit ARM boards: what a Raspberry Pi 3, 4, 5, Zero 2 or Compute Module 4 starts with is on the card;
# other boards bring their own firmware and U-Boot.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  kernel = config.boot.kernelPackages.kernel;

  # U-Boot puts the device tree and the initrd where a kernel of today, unpacked, still is: both move up, to where every
  # board has memory and a kernel of 160 MiB ends.
  uBoot = path: board: {
    inherit path;
    source = "${pkgs.debs.u-boot-rpi}/usr/lib/u-boot/${board}/u-boot.bin";
    replace = [
      {
        from = "fdt_addr_r=0x02600000";
        to = "fdt_addr_r=0x0a600000";
      }
      {
        from = "ramdisk_addr_r=0x02700000";
        to = "ramdisk_addr_r=0x0a700000";
      }
    ];
  };
in
{
  imports = [ ./sd-image.nix ];

  options.sdImage.configTxt = mkOption {
    type = types.lines;
    default = "";
    example = "dtparam=spi=on";
    description = "Lines of config.txt for all boards, after those that start U-Boot.";
  };

  config = {
    boot.consoleLogLevel = lib.mkDefault 7;
    # The serial port has another name on each family of boards; the last one is the console of emergencies.
    boot.kernelParams = [
      "console=ttyS0,115200n8"
      "console=ttyAMA0,115200n8"
      "console=tty0"
    ];

    sdImage.firmwareEntries = [
      {
        path = ".";
        source = "${pkgs.debs.raspi-firmware}/usr/lib/raspi-firmware";
        include = [
          "bootcode.bin"
          "fixup*.dat"
          "start*.elf"
        ];
      }
      {
        path = ".";
        source = "${kernel}/usr/lib/linux-image-${kernel.modDirVersion}/broadcom";
        include = [ "bcm2[78]*-rpi-*.dtb" ];
        optional = true;
      }
      (uBoot "u-boot-rpi3.bin" "rpi_3")
      (uBoot "u-boot-rpi4.bin" "rpi_4")
      (uBoot "u-boot-rpi5.bin" "rpi_arm64")
      {
        path = "config.txt";
        # https://www.raspberrypi.com/documentation/computers/config_txt.html
        text = ''
          [pi3]
          kernel=u-boot-rpi3.bin

          [pi02]
          kernel=u-boot-rpi3.bin

          [pi4]
          kernel=u-boot-rpi4.bin
          enable_gic=1
          disable_overscan=1
          arm_boost=1

          [cm4]
          # The USB ports of its boards hang on the controller inside.
          otg_mode=1

          [pi5]
          kernel=u-boot-rpi5.bin

          [all]
          arm_64bit=1
          # U-Boot wants a serial port, the kernel's console one of constant speed.
          enable_uart=1
          avoid_warnings=1
          ${config.sdImage.configTxt}'';
      }
    ];
  };
}
