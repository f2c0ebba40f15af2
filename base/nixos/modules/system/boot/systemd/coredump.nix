# What happens to the memory of a crashed program.
{ config, lib, ... }:

let
  cfg = config.systemd.coredump;
in
{
  options.systemd.coredump = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = "Whether crashes are recorded by systemd-coredump; without it the kernel writes no core files.";
    };
    extraConfig = lib.mkOption {
      type = lib.types.lines;
      default = "";
      example = "Storage=journal";
      description = "Further lines of {manpage}`coredump.conf(5)`.";
    };
  };

  config = lib.mkMerge [
    (lib.mkIf cfg.enable {
      environment.debianPackages = [ "systemd-coredump" ];
      environment.etc."systemd/coredump.conf".text = ''
        [Coredump]
        ${cfg.extraConfig}
      '';
      users.users.systemd-coredump = {
        isSystemUser = true;
        group = "systemd-coredump";
        description = "systemd core dumper";
      };
      users.groups.systemd-coredump = { };
    })
    (lib.mkIf (!cfg.enable) {
      boot.kernel.sysctl."kernel.core_pattern" = lib.mkDefault "core";
      systemd.settings.Manager.DefaultLimitCORE = lib.mkDefault "0:infinity";
    })
  ];
}
