# Commands that tell about the host.
{ config, lib, ... }:

{
  options.system.tools.nixos-version.enable = lib.mkOption {
    type = lib.types.bool;
    default = true;
    description = "Whether the host has `nixos-version`.";
  };

  config = lib.mkIf config.system.tools.nixos-version.enable {
    system.debian.usrEntries = [
      {
        path = "bin/nixos-version";
        source = "${./nixos-version.sh}";
        mode = "0755";
      }
    ];
  };
}
