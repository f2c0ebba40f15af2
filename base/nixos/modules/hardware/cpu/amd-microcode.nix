# Microcode of AMD's processors, loaded by the kernel before anything else.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  # The kernel reads this one file, before it can decompress anything
  # (Documentation/arch/x86/microcode.rst of the kernel).
  microcode = pkgs.concatText "AuthenticAMD.bin" [
    {
      path = "${pkgs.debs.amd64-microcode}/usr/lib/firmware/amd-ucode";
      suffix = ".bin";
    }
  ];
  archive = pkgs.makeInitrd {
    name = "amd-microcode";
    compressor = "cat";
    entries = [
      {
        path = "kernel/x86/microcode/AuthenticAMD.bin";
        source = "${microcode}";
      }
    ];
  };
in
{
  options.hardware.cpu.amd.updateMicrocode = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = "Whether AMD's processors get their newest microcode at boot.";
  };

  config = lib.mkIf config.hardware.cpu.amd.updateMicrocode {
    boot.initrd.prepend = lib.mkOrder 1 [ "${archive}/initrd" ];
  };
}
