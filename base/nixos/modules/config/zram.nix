# Swap in compressed memory, by systemd's zram-generator.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.zramSwap;

  # The generator's expression for the size of the device in MiB; `ram` is the host's memory in MiB.
  share = "ram * ${toString cfg.memoryPercent} / 100";
  size =
    if cfg.memoryMax == null then
      share
    else
      "min(${share}, ${toString cfg.memoryMax} / 1024 / 1024)";
in
{
  options.zramSwap = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host swaps to compressed memory.";
    };

    swapDevices = mkOption {
      type = types.enum [ 1 ];
      default = 1;
      description = "The number of devices. One serves all processors.";
    };

    memoryPercent = mkOption {
      type = types.ints.positive;
      default = 50;
      description = "How much may be swapped, before compression, in percent of the memory.";
    };

    memoryMax = mkOption {
      type = types.nullOr types.int;
      default = null;
      description = "How much may be swapped, before compression, in bytes at most.";
    };

    priority = mkOption {
      type = types.int;
      default = 5;
      description = "The priority among the swap devices; higher is used first, so it should be above that of disks.";
    };

    algorithm = mkOption {
      type = types.either (types.enum [
        "842"
        "lz4"
        "lz4hc"
        "lzo"
        "lzo-rle"
        "zstd"
      ]) types.str;
      default = "zstd";
      example = "lz4";
      description = "The compression.";
    };

    writebackDevice = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = "/dev/disk/by-partuuid/2a1ab75d-1c1b-4b1e-a3c5-6a7a9f3b8c10";
      description = "A partition that pages which do not compress are written to.";
    };
  };

  config = lib.mkIf cfg.enable {
    boot.kernelModules = [ "zram" ];
    environment.debianPackages = [ "systemd-zram-generator" ];

    environment.etc."systemd/zram-generator.conf".text = ''
      [zram0]
      zram-size = ${size}
      compression-algorithm = ${cfg.algorithm}
      swap-priority = ${toString cfg.priority}
      ${lib.optionalString (cfg.writebackDevice != null) "writeback-device = ${cfg.writebackDevice}"}
    '';
  };
}
