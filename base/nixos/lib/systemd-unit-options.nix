# The options of one unit, by kind. Names and meanings are NixOS's; what ends up
# in which section is in systemd-unit-text.nix.
{ lib, unitSetting }:

let
  inherit (lib) mkOption types;

  unitNames = types.listOf (types.strMatching "[a-zA-Z0-9@%:_.\\-]+[.](service|socket|device|mount|automount|swap|target|path|timer|scope|slice)");

  nameList =
    description:
    mkOption {
      type = unitNames;
      default = [ ];
      inherit description;
    };

  section =
    description:
    mkOption {
      type = types.attrsOf unitSetting;
      default = { };
      inherit description;
    };

  lines =
    description:
    mkOption {
      type = types.lines;
      default = "";
      inherit description;
    };

  triggers =
    description:
    mkOption {
      type = types.listOf types.unspecified;
      default = [ ];
      inherit description;
    };

  # What units have in common with how they are linked into others.
  installation = {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the unit may be started. A disabled unit is masked.";
    };
    overrideStrategy = mkOption {
      type = types.enum [
        "asDropinIfExists"
        "asDropin"
      ];
      default = "asDropinIfExists";
      description = "Whether the settings extend the unit that a package ships (`asDropin`), or do so only if a package ships one.";
    };
    requiredBy = nameList "Units that need this one and fail without it.";
    upheldBy = nameList "Units that start this one again whenever it stops.";
    wantedBy = nameList "Units that start this one with them.";
    aliases = nameList "Other names of the unit.";
  };
in
{
  # A finished unit: the text is given.
  concrete = {
    options = installation // {
      text = mkOption {
        type = types.nullOr types.str;
        default = null;
        description = "The text of the unit file.";
      };
      unit = mkOption {
        internal = true;
        type = types.unspecified;
        default = null;
        description = "A store path with the unit file, where one was made.";
      };
    };
  };

  unit =
    { name, config, ... }:
    {
      options = installation // {
        name = mkOption {
          type = types.str;
          default = name;
          internal = true;
          description = "The name of the unit without what tells its kind.";
        };
        description = mkOption {
          type = types.str;
          default = "";
          description = "What the unit is, in the words that systemd shows.";
        };
        documentation = mkOption {
          type = types.listOf types.str;
          default = [ ];
          description = "URIs of documentation.";
        };
        requires = nameList "Units started with this one, without which it is stopped.";
        wants = nameList "Units started with this one if they can be.";
        upholds = nameList "Units started again whenever they stop while this one runs.";
        after = nameList "Units that this one starts after.";
        before = nameList "Units that this one starts before.";
        bindsTo = nameList "Units that stop this one when they stop for any reason.";
        partOf = nameList "Units whose stop and restart this one follows.";
        conflicts = nameList "Units that cannot run at the same time.";
        requisite = nameList "Units that must run already.";
        onFailure = nameList "Units started when this one fails.";
        onSuccess = nameList "Units started when this one ends well.";
        unitConfig = section "Settings of the section `[Unit]`; see {manpage}`systemd.unit(5)`.";
        restartTriggers = triggers "Values whose change restarts the unit when the system is switched.";
        reloadTriggers = triggers "Values whose change reloads the unit when the system is switched.";
        startLimitBurst = mkOption {
          type = types.nullOr types.int;
          default = null;
          description = "How often the unit may be started within {option}`startLimitIntervalSec`.";
        };
        startLimitIntervalSec = mkOption {
          type = types.nullOr types.int;
          default = null;
          description = "The seconds in which starts are counted; 0 sets no limit.";
        };
      };
    };

  service =
    { ... }:
    {
      options = {
        environment = mkOption {
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
          description = "Environment variables of the service's processes.";
        };
        path = mkOption {
          type = types.listOf (types.oneOf [
            types.package
            types.str
          ]);
          default = [ ];
          description = "Packages whose programs are on the service's PATH, before the system's own.";
        };
        serviceConfig = section "Settings of the section `[Service]`; see {manpage}`systemd.service(5)`.";
        enableStrictShellChecks = mkOption {
          type = types.enum [ false ];
          default = false;
          description = "Whether scripts are checked by shellcheck in the build; the Debian base runs no programs in builds and cannot.";
        };
        confinement.enable = mkOption {
          type = types.enum [ false ];
          default = false;
          description = "Whether the service is confined to its own closure; the Debian base's programs live in /usr and cannot be.";
        };
        script = lines "Shell commands that are the service's main process.";
        scriptArgs = mkOption {
          type = types.str;
          default = "";
          description = "Arguments of {option}`script`.";
        };
        preStart = lines "Shell commands run before the main process.";
        postStart = lines "Shell commands run after the main process has started.";
        reload = lines "Shell commands that make the service take up a changed configuration.";
        preStop = lines "Shell commands that stop the service.";
        postStop = lines "Shell commands run after the service has stopped.";
        jobScripts = mkOption {
          type = types.attrsOf types.package;
          internal = true;
          default = { };
          description = "The scripts of the service as store paths, by the step that runs them.";
        };
        restartIfChanged = mkOption {
          type = types.bool;
          default = true;
          description = "Whether the service is restarted when a switch changes its unit.";
        };
        reloadIfChanged = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the service is reloaded, not restarted, when a switch changes its unit.";
        };
        stopIfChanged = mkOption {
          type = types.bool;
          default = true;
          description = "Whether a restart stops the service with the old unit before the new one starts it.";
        };
        notSocketActivated = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the service is restarted by itself although a socket activates it.";
        };
        startAt = mkOption {
          type = types.either types.str (types.listOf types.str);
          default = [ ];
          apply = lib.toList;
          description = "When to start the service; see {manpage}`systemd.time(7)`. A timer is made for it.";
        };
      };
    };

  socket = {
    options = {
      listenStreams = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "Addresses of stream sockets to listen on.";
      };
      listenDatagrams = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "Addresses of datagram sockets to listen on.";
      };
      socketConfig = section "Settings of the section `[Socket]`; see {manpage}`systemd.socket(5)`.";
    };
  };

  timer = {
    options.timerConfig = section "Settings of the section `[Timer]`; see {manpage}`systemd.timer(5)`.";
  };

  path = {
    options.pathConfig = section "Settings of the section `[Path]`; see {manpage}`systemd.path(5)`.";
  };

  slice = {
    options.sliceConfig = section "Settings of the section `[Slice]`; see {manpage}`systemd.slice(5)`.";
  };

  mount = {
    options = {
      what = mkOption {
        type = types.str;
        example = "/dev/sda1";
        description = "The device, file or other resource to mount.";
      };
      where = mkOption {
        type = types.str;
        example = "/mnt";
        description = "The directory to mount it on.";
      };
      type = mkOption {
        type = types.str;
        default = "";
        description = "The type of the file system.";
      };
      options = mkOption {
        type = types.commas;
        default = "";
        description = "Mount options.";
      };
      mountConfig = section "Settings of the section `[Mount]`; see {manpage}`systemd.mount(5)`.";
    };
  };

  automount = {
    options = {
      where = mkOption {
        type = types.str;
        example = "/mnt";
        description = "The directory that is mounted when it is used.";
      };
      automountConfig = section "Settings of the section `[Automount]`; see {manpage}`systemd.automount(5)`.";
    };
  };
}
