# The text of unit files.
{ lib, config, pkgs }:

let
  inherit (lib) concatMapStrings concatStringsSep optionalAttrs;

  settingToString =
    value:
    if value == true then
      "true"
    else if value == false then
      "false"
    else
      toString value;

  attrsToSection =
    settings:
    lib.concatStrings (
      lib.mapAttrsToList (
        name: value:
        if value == null then
          ""
        else
          concatMapStrings (item: if item == null then "" else "${name}=${settingToString item}\n") (lib.toList value)
      ) settings
    );

  section = name: settings: "[${name}]\n${attrsToSection settings}\n";

  # Sections in their order, those without a setting left out.
  settingsToSections =
    sections:
    lib.concatStrings (
      map (entry: lib.optionalString (entry.settings != { }) (section entry.name entry.settings)) sections
    );

  joined = names: optionalAttrs (names != [ ]);

  # Any value that should restart a unit when it changes, as text that changes with it.
  triggers = values: lib.concatMapStringsSep " " (value: if builtins.isAttrs value && !(value ? outPath) then builtins.hashString "sha256" (builtins.toJSON value) else toString value) values;

  unitSection =
    unit:
    optionalAttrs (unit.description != "") { Description = unit.description; }
    // joined unit.documentation { Documentation = concatStringsSep " " unit.documentation; }
    // joined unit.requires { Requires = concatStringsSep " " unit.requires; }
    // joined unit.wants { Wants = concatStringsSep " " unit.wants; }
    // joined unit.upholds { Upholds = concatStringsSep " " unit.upholds; }
    // joined unit.after { After = concatStringsSep " " unit.after; }
    // joined unit.before { Before = concatStringsSep " " unit.before; }
    // joined unit.bindsTo { BindsTo = concatStringsSep " " unit.bindsTo; }
    // joined unit.partOf { PartOf = concatStringsSep " " unit.partOf; }
    // joined unit.conflicts { Conflicts = concatStringsSep " " unit.conflicts; }
    // joined unit.requisite { Requisite = concatStringsSep " " unit.requisite; }
    // joined unit.onFailure { OnFailure = concatStringsSep " " unit.onFailure; }
    // joined unit.onSuccess { OnSuccess = concatStringsSep " " unit.onSuccess; }
    // joined unit.restartTriggers { X-Restart-Triggers = triggers unit.restartTriggers; }
    // joined unit.reloadTriggers { X-Reload-Triggers = triggers unit.reloadTriggers; }
    // optionalAttrs (unit.startLimitIntervalSec != null) {
      StartLimitIntervalSec = unit.startLimitIntervalSec;
    }
    // optionalAttrs (unit.startLimitBurst != null) { StartLimitBurst = unit.startLimitBurst; }
    // unit.unitConfig;

  # What a unit is apart from its text.
  installation = unit: {
    inherit (unit)
      enable
      overrideStrategy
      requiredBy
      upheldBy
      wantedBy
      aliases
      ;
  };

  unitFile =
    unit: sections:
    installation unit
    // {
      text = section "Unit" (unitSection unit) + sections;
    };

  # A quoted assignment for `Environment=`; `%` would start a specifier.
  environmentLine =
    name: value:
    "Environment=${builtins.toJSON "${name}=${lib.replaceStrings [ "%" ] [ "%%" ] "${toString value}"}"}\n";

  serviceUnit =
    service:
    let
      systemPath = "/run/current-system/sw/bin:/usr/bin:/usr/sbin";
      # A unit that only extends a shipped one keeps that one's PATH.
      extends = service.overrideStrategy == "asDropin" && service.path == [ ];
      variables =
        optionalAttrs (!extends) {
          PATH = concatStringsSep ":" (
            lib.optional (service.path != [ ]) (lib.makeBinPath service.path) ++ [ systemPath ]
          );
        }
        // (removeAttrs (config.systemd.globalEnvironment or { }) [ ])
        // service.environment;
      marks =
        optionalAttrs service.reloadIfChanged { X-ReloadIfChanged = true; }
        // optionalAttrs (!service.restartIfChanged && !service.reloadIfChanged) { X-RestartIfChanged = false; }
        // optionalAttrs (!service.stopIfChanged) { X-StopIfChanged = false; }
        // optionalAttrs service.notSocketActivated { X-NotSocketActivated = true; };
    in
    unitFile service (
      "[Service]\n"
      + lib.concatStrings (
        lib.mapAttrsToList environmentLine (lib.filterAttrs (_: value: value != null) variables)
      )
      + attrsToSection (marks // service.serviceConfig)
      + "\n"
    );

  withSection = name: settings: unit: unitFile unit (section name (settings unit));
in
{
  inherit
    attrsToSection
    settingsToSections
    unitFile
    serviceUnit
    ;

  socketUnit = withSection "Socket" (
    socket:
    optionalAttrs (socket.listenStreams != [ ]) { ListenStream = socket.listenStreams; }
    // optionalAttrs (socket.listenDatagrams != [ ]) { ListenDatagram = socket.listenDatagrams; }
    // socket.socketConfig
  );
  timerUnit = withSection "Timer" (timer: timer.timerConfig);
  pathUnit = withSection "Path" (path: path.pathConfig);
  sliceUnit = withSection "Slice" (slice: slice.sliceConfig);
  targetUnit = target: unitFile target "";
  mountUnit = withSection "Mount" (
    mount:
    {
      What = mount.what;
      Where = mount.where;
    }
    // optionalAttrs (mount.type != "") { Type = mount.type; }
    // optionalAttrs (mount.options != "") { Options = mount.options; }
    // mount.mountConfig
  );
  automountUnit = withSection "Automount" (
    automount: { Where = automount.where; } // automount.automountConfig
  );
}
