# How kernel modules are loaded.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
in
{
  options = {
    boot.modprobeConfig.enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the options below take effect.";
    };
    boot.blacklistedKernelModules = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "cirrusfb" ];
      description = "Modules that are not loaded for the hardware they are for.";
    };
    boot.extraModprobeConfig = mkOption {
      type = types.lines;
      default = "";
      example = "options parport_pc io=0x378 irq=7 dma=1";
      description = "Further lines of {manpage}`modprobe.d(5)`.";
    };
  };

  config = lib.mkIf config.boot.modprobeConfig.enable {
    environment.etc."modprobe.d/nixos.conf".text = ''
      ${lib.concatMapStrings (module: "blacklist ${module}\n") config.boot.blacklistedKernelModules}
      ${config.boot.extraModprobeConfig}
    '';
  };
}
