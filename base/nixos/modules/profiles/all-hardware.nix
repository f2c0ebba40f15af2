# Drivers for whatever the root file system may be on, for media that start on
# any machine.
{ lib, pkgs, ... }:

{
  boot.initrd.availableKernelModules = [
    # Disk controllers and RAID.
    "3w-9xxx"
    "3w-sas"
    "aacraid"
    "hpsa"
    "megaraid_sas"
    "mpt3sas"
    "mvsas"
    "sata_sil24"
    "smartpqi"

    # Cards and USB.
    "mmc_block"
    "sdhci_acpi"
    "sdhci_pci"
    "uas"
    "usb_storage"
    "usbhid"
    "hid_generic"
    "xhci_pci"

    # Virtual machines.
    "virtio_net"
  ]
  ++ lib.optionals pkgs.stdenv.hostPlatform.isAarch64 [
    # The Raspberry Pi and Allwinner's and Rockchip's boards.
    "bcm2835-dma"
    "i2c-bcm2835"
    "pcie-brcmstb"
    "pcie-rockchip-host"
    "phy-rockchip-pcie"
    "reset-raspberrypi"
    "sdhci-iproc"
    "bcm2835"
    "sunxi-mmc"
  ];

  # Kernels differ in what is built in.
  boot.initrd.allowMissingModules = true;

  hardware.enableRedistributableFirmware = lib.mkDefault true;
}
