# systemd units as options: the types of `systemd.services` and its kin, and the
# unit files that come of them.
{
  lib,
  config,
  pkgs,
}:

let
  unitOptions = import ./systemd-unit-options.nix { inherit lib unitSetting; };
  text = import ./systemd-unit-text.nix { inherit lib config pkgs; };

  # A value of a unit's setting; a list repeats the setting.
  unitAtom = lib.types.nullOr (
    lib.types.oneOf [
      lib.types.bool
      lib.types.int
      lib.types.float
      lib.types.str
      lib.types.path
      lib.types.package
    ]
  );
  unitSetting =
    lib.types.either unitAtom (lib.types.listOf unitAtom)
    // {
      description = "systemd option";
      merge =
        location: definitions:
        let
          values = lib.options.getValues definitions;
        in
        # Lists from several modules add up, as repeated lines in a unit do.
        if lib.any builtins.isList values then
          lib.concatMap lib.toList values
        else
          lib.mergeEqualOption location definitions;
    };

  unitType =
    modules: extend:
    lib.types.attrsOf (
      lib.types.submodule (
        [ unitOptions.unit ]
        ++ modules
        ++ lib.optional (extend != null) extend
      )
    );
  listedUnit = modules: lib.types.listOf (lib.types.submodule ([ unitOptions.unit ] ++ modules));
in
rec {
  unitOption = unitSetting;
  inherit (text)
    attrsToSection
    settingsToSections
    unitFile
    serviceUnit
    socketUnit
    timerUnit
    pathUnit
    mountUnit
    automountUnit
    sliceUnit
    targetUnit
    ;

  types = {
    services = unitType [
      unitOptions.service
    ] (import ./systemd-service-defaults.nix { inherit lib pkgs; });
    sockets = unitType [ unitOptions.socket ] null;
    timers = unitType [ unitOptions.timer ] null;
    paths = unitType [ unitOptions.path ] null;
    slices = unitType [ unitOptions.slice ] null;
    targets = unitType [ ] null;
    mounts = listedUnit [ unitOptions.mount ];
    automounts = listedUnit [ unitOptions.automount ];
    units = lib.types.attrsOf (lib.types.submodule unitOptions.concrete);
  };

  # All that names programs in a directory of units: what `unitDirectoryEntries` makes of the same, but for the services'
  # scripts, which are here themselves, and for what only tells a switch that a unit has changed.
  unitDirectoryTexts =
    {
      units,
      services,
      packages ? [ ],
    }:
    let
      scripts = lib.concatMap (service: map toString (lib.attrValues service.jobScripts)) (
        lib.attrValues services
      );
      withoutScripts = lib.replaceStrings scripts (map (_: "") scripts);
      isRead = line: !(lib.hasPrefix "X-" line);
      lines = text: lib.filter isRead (lib.splitString "\n" text);
    in
    map (package: "${package}") packages
    ++ map (unit: withoutScripts (lib.concatStringsSep "\n" (lines unit.text))) (
      lib.filter (unit: unit.enable && unit.text != null && builtins.hasContext unit.text) (
        lib.attrValues units
      )
    )
    ++ lib.concatMap (service: [
      service.script
      service.preStart
      service.postStart
      service.reload
      service.preStop
      service.postStop
    ]) (lib.attrValues services);

  # The entries of a directory of units for `make-tree`. `upstream` is the tree
  # of the units that packages ship, to tell a new unit from one to extend.
  unitDirectoryEntries =
    {
      units,
      packages ? [ ],
      upstream,
      type,
    }:
    let
      shipped = name: "${upstream}/lib/systemd/${type}/${name}";

      # A unit that says itself what it runs or waits for stands alone, as on NixOS,
      # whatever a package ships under its name. Two ExecStart would be refused anyway.
      essence = {
        service = [ "ExecStart" ];
        socket = [
          "ListenStream"
          "ListenDatagram"
          "ListenSequentialPacket"
          "ListenFIFO"
          "ListenNetlink"
        ];
        timer = [
          "OnActiveSec"
          "OnBootSec"
          "OnCalendar"
          "OnStartupSec"
          "OnUnitActiveSec"
          "OnUnitInactiveSec"
        ];
        mount = [ "What" ];
      };
      isComplete =
        name: unit:
        let
          settings = essence.${lib.last (lib.splitString "." name)} or [ ];
          has = setting: lib.hasInfix "\n${setting}=" unit.text;
          # An empty value takes back what is shipped, so something is.
          resets = setting: lib.hasInfix "\n${setting}=\n" unit.text;
        in
        unit.text != null && lib.any has settings && !lib.any resets settings;
      body =
        name: unit:
        let
          instance = builtins.match "([^@]+@)[^.]+([.].*)" name;
          template = if instance == null then null else lib.concatStrings instance;
          full = {
            path = name;
            text = if unit.text == null then "" else unit.text;
          };
          dropIn = {
            path = "${name}.d/overrides.conf";
            text = if unit.text == null then "" else unit.text;
          };
        in
        if !unit.enable then
          [
            {
              path = name;
              symlink = "/dev/null";
            }
          ]
        else if unit.overrideStrategy == "asDropin" then
          [ dropIn ]
        else if isComplete name unit then
          [ full ]
        else if template != null && units ? ${template} then
          [ dropIn ]
        else
          let
            # An instance extends the template that a package ships.
            existing = shipped (if template != null then template else name);
          in
          [
            (full // { unlessExists = existing; })
            (dropIn // { ifExists = existing; })
          ];

      links =
        name: unit:
        lib.optionals unit.enable (
          map (alias: {
            path = alias;
            symlink = name;
          }) unit.aliases
          ++ lib.concatMap
            (
              kind:
              map (parent: {
                path = "${parent}.${kind}/${name}";
                symlink = "../${name}";
              }) unit.${if kind == "wants" then "wantedBy" else if kind == "requires" then "requiredBy" else "upheldBy"}
            )
            [
              "wants"
              "requires"
              "upholds"
            ]
        );
      # A dangling `../NAME` is right where the unit is shipped under /usr: the
      # name of the link is what counts (systemd.unit(5)).
    in
    map (package: {
      path = ".";
      source = "${package}/lib/systemd/${type}";
      optional = true;
    }) packages
    ++ map (package: {
      path = ".";
      source = "${package}/etc/systemd/${type}";
      optional = true;
    }) packages
    ++ lib.concatLists (lib.mapAttrsToList body units)
    ++ lib.concatLists (lib.mapAttrsToList links units);
}
