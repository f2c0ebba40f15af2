# Taking up new versions of the configuration at regular times.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.system.autoUpgrade;

  flags = lib.escapeShellArgs cfg.flags;
  build = "nix build --no-link --print-out-paths --extra-experimental-features 'nix-command flakes' ${
    lib.optionalString cfg.upgrade "--refresh"
  } ${flags}";
in
{
  options.system.autoUpgrade = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host builds and takes up its configuration at regular times. It needs a flake and Nix.";
    };
    flake = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "github:kloenk/nix";
      description = "The flake with the host's configuration.";
    };
    channel = mkOption {
      type = types.enum [ null ];
      default = null;
      description = "The channel that the host follows. The Debian base is in flakes only.";
    };
    upgrade = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the newest version of the flake is fetched.";
    };
    flags = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "--accept-flake-config" ];
      description = "Further arguments of the build.";
    };
    dates = mkOption {
      type = types.str;
      default = "04:40";
      example = "daily";
      description = "When; see {manpage}`systemd.time(7)`.";
    };
    operation = mkOption {
      type = types.enum [
        "switch"
        "boot"
      ];
      default = "switch";
      description = "Whether a new version runs at once or from the next boot on.";
    };
    allowReboot = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host restarts when the new version has another kernel.";
    };
    rebootWindow = mkOption {
      type = types.nullOr (
        types.submodule {
          options = {
            lower = mkOption {
              type = types.strMatching "[[:digit:]]{2}:[[:digit:]]{2}";
              example = "01:00";
              description = "From when on the host may restart.";
            };
            upper = mkOption {
              type = types.strMatching "[[:digit:]]{2}:[[:digit:]]{2}";
              example = "05:00";
              description = "Until when the host may restart.";
            };
          };
        }
      );
      default = null;
      description = "The time of the day in which the host may restart.";
    };
    randomizedDelaySec = mkOption {
      type = types.str;
      default = "0";
      example = "45min";
      description = "The longest time by which it is put off at random.";
    };
    fixedRandomDelay = mkOption {
      type = types.bool;
      default = false;
      description = "Whether it is put off by the same time each day.";
    };
    persistent = mkOption {
      type = types.bool;
      default = true;
      description = "Whether it is made up for if the host was off.";
    };
  };

  config = lib.mkIf cfg.enable {
    systemd.services.nixos-upgrade = {
      description = "NixOS Upgrade";
      restartIfChanged = false;
      unitConfig.X-StopOnRemoval = false;
      serviceConfig.Type = "oneshot";
      environment.HOME = "/root";
      after = [ "network-online.target" ];
      wants = [ "network-online.target" ];
      startAt = cfg.dates;
      script = ''
        system=$(${build} ${lib.escapeShellArg "${toString cfg.flake}#nixosConfigurations.\"${config.networking.hostName}\".config.system.build.toplevel"})
        nix-env --profile /nix/var/nix/profiles/system --set "$system"
        "$system/bin/switch-to-configuration" ${
          if cfg.allowReboot then "boot" else cfg.operation
        }
        ${lib.optionalString cfg.allowReboot ''
          kernel_of() { readlink "$1/kernel" "$1/initrd" "$1/kernel-modules"; }
          if [ "$(kernel_of /run/booted-system)" = "$(kernel_of "$system")" ]; then
            ${lib.optionalString (cfg.operation == "switch") ''"$system/bin/switch-to-configuration" test''}
          else
            ${lib.optionalString (cfg.rebootWindow != null) ''
              now=$(date +%H:%M)
              lower=${cfg.rebootWindow.lower}
              upper=${cfg.rebootWindow.upper}
              # The time of the day may reach past midnight.
              if [[ "$lower" < "$upper" ]]; then
                [[ "$now" > "$lower" && "$now" < "$upper" ]] || exit 0
              else
                [[ "$now" > "$lower" || "$now" < "$upper" ]] || exit 0
              fi
            ''}
            shutdown -r +1
          fi
        ''}
      '';
    };
    systemd.timers.nixos-upgrade.timerConfig = {
      RandomizedDelaySec = cfg.randomizedDelaySec;
      FixedRandomDelay = cfg.fixedRandomDelay;
      Persistent = cfg.persistent;
    };

    assertions = [
      {
        assertion = cfg.flake != null;
        message = "system.autoUpgrade.flake must name the flake with the host's configuration.";
      }
      {
        assertion = config.nix.enable;
        message = "system.autoUpgrade needs nix.enable.";
      }
    ];
  };
}
