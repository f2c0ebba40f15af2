# Microcode of Intel's processors, loaded by the kernel before anything else.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  # The kernel reads this one file, before it can decompress anything
  # (Documentation/arch/x86/microcode.rst of the kernel).
  microcode = pkgs.concatText "GenuineIntel.bin" [
    {
      path = "${pkgs.debs.intel-microcode}/usr/lib/firmware/intel-ucode";
      suffix = "";
    }
  ];
  archive = pkgs.makeInitrd {
    name = "intel-microcode";
    compressor = "cat";
    entries = [
      {
        path = "kernel/x86/microcode/GenuineIntel.bin";
        source = "${microcode}";
      }
    ];
  };
in
{
  options.hardware.cpu.intel.updateMicrocode = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = "Whether Intel's processors get their newest microcode at boot.";
  };

  config = lib.mkIf config.hardware.cpu.intel.updateMicrocode {
    boot.initrd.prepend = lib.mkOrder 1 [ "${archive}/initrd" ];
  };
}
