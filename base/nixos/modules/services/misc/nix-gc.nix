# Collecting what no generation and no build needs any more.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.nix.gc;
in
{
  options.nix.gc = {
    automatic = mkOption {
      type = types.bool;
      default = false;
      description = "Whether garbage is collected at regular times.";
    };

    dates = mkOption {
      type = types.either types.singleLineStr (types.listOf types.str);
      apply = lib.toList;
      default = [ "03:15" ];
      example = "weekly";
      description = "When; see {manpage}`systemd.time(7)`.";
    };

    randomizedDelaySec = mkOption {
      type = types.singleLineStr;
      default = "0";
      example = "45min";
      description = "The longest time by which a collection is put off at random.";
    };

    persistent = mkOption {
      type = types.bool;
      default = true;
      description = "Whether a collection that fell into a time when the host was off is made up for.";
    };

    options = mkOption {
      type = types.singleLineStr;
      default = "";
      example = "--delete-older-than 30d";
      description = "Arguments of {manpage}`nix-collect-garbage(1)`.";
    };
  };

  config = {
    assertions = [
      {
        assertion = cfg.automatic -> config.nix.enable;
        message = "nix.gc.automatic needs nix.enable: the collector is Nix's.";
      }
    ];

    systemd.services.nix-gc = lib.mkIf config.nix.enable {
      description = "Nix Garbage Collector";
      script = "exec /usr/bin/nix-collect-garbage ${cfg.options}";
      serviceConfig.Type = "oneshot";
      startAt = lib.optionals cfg.automatic cfg.dates;
      # A run of hours is not begun again because a switch came.
      restartIfChanged = false;
    };

    systemd.timers.nix-gc = lib.mkIf cfg.automatic {
      timerConfig = {
        RandomizedDelaySec = cfg.randomizedDelaySec;
        Persistent = cfg.persistent;
      };
    };
  };
}
