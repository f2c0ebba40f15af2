# A guest of QEMU: its virtual hardware.
{ lib, ... }:

{
  boot.initrd.availableKernelModules = [
    "9p"
    "9pnet_virtio"
    "virtio_blk"
    "virtio_mmio"
    "virtio_net"
    "virtio_pci"
    "virtio_scsi"
  ];
  boot.initrd.kernelModules = [
    "virtio_balloon"
    "virtio_console"
    "virtio_rng"
  ];

  # A machine that is emulated, on a busy computer, takes its time to find its disks.
  systemd.settings.Manager.DefaultDeviceTimeoutSec = lib.mkDefault "5min";
}
