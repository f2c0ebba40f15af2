# Files of the store with the same content become one file.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.nix.optimise;
in
{
  options.nix.optimise = {
    automatic = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the store is optimised at regular times.";
    };

    dates = mkOption {
      type = types.coercedTo types.singleLineStr lib.singleton (types.listOf types.str);
      default = [ "03:45" ];
      example = [ "weekly" ];
      description = "When; see {manpage}`systemd.time(7)`.";
    };

    randomizedDelaySec = mkOption {
      type = types.singleLineStr;
      default = "1800";
      description = "The longest time by which it is put off at random.";
    };

    persistent = mkOption {
      type = types.bool;
      default = true;
      description = "Whether it is made up for if the host was off.";
    };
  };

  config = {
    assertions = [
      {
        assertion = cfg.automatic -> config.nix.enable;
        message = "nix.optimise.automatic needs nix.enable.";
      }
    ];

    systemd.services.nix-optimise = lib.mkIf config.nix.enable {
      description = "Nix Store Optimiser";
      # Containers share the store of their host.
      unitConfig.ConditionPathIsReadWrite = "/nix/var/nix/daemon-socket";
      serviceConfig.ExecStart = "/usr/bin/nix-store --optimise";
      startAt = lib.optionals cfg.automatic cfg.dates;
    };

    systemd.timers.nix-optimise = lib.mkIf cfg.automatic {
      timerConfig = {
        RandomizedDelaySec = cfg.randomizedDelaySec;
        Persistent = cfg.persistent;
      };
    };
  };
}
