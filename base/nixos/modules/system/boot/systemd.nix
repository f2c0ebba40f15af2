# The system manager: its units and its settings.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:

let
  cfg = config.systemd;
  systemdUtils = utils.systemdUtils;
  inherit (lib) mkOption types;

  managerText = settings: "[Manager]\n${systemdUtils.attrsToSection settings}";

  unitsOf =
    {
      services ? { },
      sockets ? { },
      timers ? { },
      paths ? { },
      slices ? { },
      targets ? { },
      mounts ? [ ],
      automounts ? [ ],
    }:
    let
      named = kind: render: lib.mapAttrs' (name: unit: lib.nameValuePair "${name}.${kind}" (render unit));
      placed =
        kind: render: units:
        lib.listToAttrs (
          map (unit: lib.nameValuePair "${utils.escapeSystemdPath unit.where}.${kind}" (render unit)) units
        );
    in
    named "service" systemdUtils.serviceUnit services
    // named "socket" systemdUtils.socketUnit sockets
    // named "timer" systemdUtils.timerUnit timers
    // named "path" systemdUtils.pathUnit paths
    // named "slice" systemdUtils.sliceUnit slices
    // named "target" systemdUtils.targetUnit targets
    // placed "mount" systemdUtils.mountUnit mounts
    // placed "automount" systemdUtils.automountUnit automounts;

  # A service with `startAt` gets a timer of its name.
  timersOf =
    services:
    lib.mapAttrs (_: service: {
      wantedBy = [ "timers.target" ];
      timerConfig.OnCalendar = service.startAt;
    }) (lib.filterAttrs (_: service: service.enable && service.startAt != [ ]) services);

  kinds = {
    services = "Services";
    sockets = "Sockets";
    timers = "Timers";
    paths = "Path watches";
    slices = "Slices";
    targets = "Targets";
  };

  unitOptions = lib.mapAttrs (
    kind: what:
    mkOption {
      type = systemdUtils.types.${kind};
      default = { };
      description = "${what} by name, without the suffix that tells the kind of unit.";
    }
  ) kinds;

  packages = lib.filter (package: !(package ? debianPackages)) cfg.packages;

  systemUnits = pkgs.makeTree "system-units" (
    systemdUtils.unitDirectoryEntries {
      type = "system";
      inherit (cfg) units;
      inherit packages;
      upstream = config.system.debian.packagedUnits;
    }
    ++ [
      {
        path = "default.target";
        symlink = cfg.defaultUnit;
      }
      {
        path = "ctrl-alt-del.target";
        symlink = cfg.ctrlAltDelUnit;
      }
    ]
  );
in
{
  options.systemd = unitOptions // {
    package = mkOption {
      type = types.package;
      default = pkgs.systemd;
      defaultText = lib.literalExpression "pkgs.systemd";
      description = "The package of the system manager.";
    };

    units = mkOption {
      type = systemdUtils.types.units;
      default = { };
      description = "Units by full name, as text. The other options under `systemd` end up here.";
    };

    packages = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "Packages whose units are available, without being started.";
    };

    mounts = mkOption {
      type = systemdUtils.types.mounts;
      default = [ ];
      description = "Mounts, as a list: their place gives their name.";
    };

    automounts = mkOption {
      type = systemdUtils.types.automounts;
      default = [ ];
      description = "Directories mounted when they are used, as a list.";
    };

    generators = mkOption {
      type = types.attrsOf types.path;
      default = { };
      description = "Programs that make units at boot, by name; `/dev/null` turns one off. See {manpage}`systemd.generator(7)`.";
    };

    shutdown = mkOption {
      type = types.attrsOf types.path;
      default = { };
      description = "Programs run at the very end of a shutdown.";
    };

    defaultUnit = mkOption {
      type = types.str;
      default = "multi-user.target";
      description = "The unit that a boot leads to.";
    };

    ctrlAltDelUnit = mkOption {
      type = types.str;
      default = "reboot.target";
      description = "The unit started by Ctrl-Alt-Delete on a console.";
    };

    globalEnvironment = mkOption {
      type = types.attrsOf (
        types.nullOr (
          types.oneOf [
            types.str
            types.path
            types.package
          ]
        )
      );
      default = { };
      description = "Environment variables of all services that the configuration defines.";
    };

    managerEnvironment = mkOption {
      type = types.attrsOf (types.nullOr types.str);
      default = { };
      description = "Environment variables of the manager itself.";
    };

    settings.Manager = mkOption {
      type = types.attrsOf systemdUtils.unitOption;
      default = { };
      example = {
        RuntimeWatchdogSec = "30s";
      };
      description = "Settings of {manpage}`systemd-system.conf(5)`.";
    };

    enableEmergencyMode = mkOption {
      type = types.bool;
      default = true;
      description = "Whether a failed boot ends in a shell on the console; without it the boot goes on.";
    };

    enableStrictShellChecks = mkOption {
      type = types.enum [ false ];
      default = false;
      description = "Whether scripts are checked by shellcheck in the build; the Debian base runs no programs in builds and cannot.";
    };

    suppressedSystemUnits = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Units shipped by packages that must not be there; they are masked.";
    };

    additionalUpstreamSystemUnits = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Units shipped with systemd that must be there. All of Debian's are.";
    };
  };

  config = {
    environment.debianPackages = [
      "systemd"
      "systemd-sysv"
      "udev"
      "libnss-systemd"
      "libpam-systemd"
      "dbus"
    ]
    ++ lib.concatMap (package: package.debianPackages or [ ]) cfg.packages;

    system.build.units = systemUnits;

    environment.etc = {
      "systemd/system" = {
        source = config.system.build.units;
        texts = systemdUtils.unitDirectoryTexts {
          inherit (cfg) units services;
          inherit packages;
        };
      };
      "systemd/system.conf".text = managerText cfg.settings.Manager;

      # A switch decides what is enabled, never a preset on the first boot.
      "systemd/system-preset/00-nixos.preset".text = "ignore *\n";
      "systemd/user-preset/00-nixos.preset".text = "ignore *\n";
    }
    // lib.mapAttrs' (
      name: source: lib.nameValuePair "systemd/system-generators/${name}" { inherit source; }
    ) cfg.generators
    // lib.mapAttrs' (
      name: source: lib.nameValuePair "systemd/system-shutdown/${name}" { inherit source; }
    ) cfg.shutdown;

    systemd = {
      settings.Manager = {
        ManagerEnvironment = lib.mkIf (cfg.managerEnvironment != { }) (
          lib.concatStringsSep " " (
            lib.mapAttrsToList (name: value: builtins.toJSON "${name}=${value}") (
              lib.filterAttrs (_: value: value != null) cfg.managerEnvironment
            )
          )
        );
        DefaultIOAccounting = lib.mkDefault true;
        DefaultIPAccounting = lib.mkDefault true;
      };

      timers = timersOf cfg.services;

      units =
        unitsOf {
          inherit (cfg)
            services
            sockets
            timers
            paths
            slices
            targets
            mounts
            automounts
            ;
        }
        // lib.genAttrs cfg.suppressedSystemUnits (_: {
          enable = false;
        });

      # The first boot asks nobody; what it would ask is in the configuration.
      suppressedSystemUnits = [
        "systemd-firstboot.service"
        # It would bring up an older root account policy and needs sysusers.d;
        # users are made by the activation.
        "systemd-sysusers.service"
        # /usr is read-only and is whole when it is made.
        "systemd-hwdb-update.service"
        "systemd-update-done.service"
        "ldconfig.service"
      ]
      ++ lib.optionals (!cfg.enableEmergencyMode) [
        "emergency.service"
        "emergency.target"
      ];
    };
  };
}
