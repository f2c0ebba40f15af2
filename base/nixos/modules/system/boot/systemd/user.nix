# The managers of users' own services.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:

let
  cfg = config.systemd.user;
  systemdUtils = utils.systemdUtils;
  inherit (lib) mkOption types;

  kinds = {
    services = {
      suffix = "service";
      render = systemdUtils.serviceUnit;
    };
    sockets = {
      suffix = "socket";
      render = systemdUtils.socketUnit;
    };
    timers = {
      suffix = "timer";
      render = systemdUtils.timerUnit;
    };
    paths = {
      suffix = "path";
      render = systemdUtils.pathUnit;
    };
    slices = {
      suffix = "slice";
      render = systemdUtils.sliceUnit;
    };
    targets = {
      suffix = "target";
      render = systemdUtils.targetUnit;
    };
  };
  packages = lib.filter (package: !(package ? debianPackages)) config.systemd.packages;
in
{
  options.systemd.user =
    lib.mapAttrs (
      kind: _:
      mkOption {
        type = systemdUtils.types.${kind};
        default = { };
        description = "The ${kind} of every user's manager, by name.";
      }
    ) kinds
    // {
      units = mkOption {
        type = systemdUtils.types.units;
        default = { };
        description = "Units of users' managers by full name, as text.";
      };
      extraConfig = mkOption {
        type = types.lines;
        default = "";
        example = "DefaultTimeoutStartSec=60";
        description = "Further lines of {manpage}`systemd-user.conf(5)`.";
      };
      tmpfiles.rules = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "Lines of {manpage}`tmpfiles.d(5)` for every user.";
      };
    };

  config = {
    systemd.user = {
      timers = lib.mapAttrs (_: service: {
        wantedBy = [ "timers.target" ];
        timerConfig.OnCalendar = service.startAt;
      }) (lib.filterAttrs (_: service: service.startAt != [ ]) cfg.services);

      units = lib.concatMapAttrs (
        kind: how:
        lib.mapAttrs' (name: unit: lib.nameValuePair "${name}.${how.suffix}" (how.render unit)) cfg.${kind}
      ) kinds;
    };

    environment.etc = {
      "systemd/user" = {
        source = pkgs.makeTree "user-units" (
          systemdUtils.unitDirectoryEntries {
            type = "user";
            inherit (cfg) units;
            inherit packages;
            upstream = config.system.debian.packagedUnits;
          }
        );
        texts = systemdUtils.unitDirectoryTexts {
          inherit (cfg) units services;
          inherit packages;
        };
      };
      "systemd/user.conf".text = ''
        [Manager]
        ${cfg.extraConfig}
      '';
      "user-tmpfiles.d/00-nixos.conf" = lib.mkIf (cfg.tmpfiles.rules != [ ]) {
        text = lib.concatStringsSep "\n" cfg.tmpfiles.rules + "\n";
      };
    };
  };
}
