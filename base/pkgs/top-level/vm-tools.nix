# QEMU and its firmware for the machine that runs hosts in virtual machines:
# the user's. `vmTools.qemu.ARCHITECTURE` runs a guest of that architecture.
final: prev:

let
  inherit (final) lib;
  host = final.buildPackages;

  qemu =
    guest: packages:
    final.mergeDebs {
      name = "qemu-${guest}";
      debs = host.debianEnvironment {
        name = "qemu-${guest}";
        packages = packages ++ [
          "libc6"
          "ipxe-qemu"
          "qemu-system-data"
          "qemu-utils"
        ];
      };
      subtree = "usr";
      exclude = [
        "share/doc/**"
        "share/man/**"
        "share/locale/**"
        "share/icons/**"
      ];
      meta.mainProgram = "qemu-system-${guest}";
    };
in
{
  vmTools = {
    qemu = {
      x86_64 = qemu "x86_64" [
        "qemu-system-x86"
        "ovmf"
        "seabios"
      ];
      aarch64 = qemu "aarch64" [
        "qemu-system-arm"
        "qemu-efi-aarch64"
        "u-boot-qemu"
      ];
    };
  };
}
