# How a generation is called in the boot menu and in its store path.
{ config, lib, ... }:

let
  cfg = config.system.nixos;
in
{
  options.system.nixos = {
    label = lib.mkOption {
      type = lib.types.strMatching "[a-zA-Z0-9:_\\.-]*";
      description = "The label of the system, part of the name of its store path and of its boot entry.";
    };

    tags = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ ];
      example = [ "with-xen" ];
      description = "Words put in front of the default {option}`system.nixos.label`.";
    };
  };

  config.system.nixos.label = lib.mkDefault (
    lib.concatStringsSep "-" (lib.sort (a: b: a < b) cfg.tags ++ [ cfg.version ])
  );
}
