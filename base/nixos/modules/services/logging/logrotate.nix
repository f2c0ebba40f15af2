# Logs that are put aside when they get old or large.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.logrotate;

  value = types.nullOr (
    types.oneOf [
      types.bool
      types.int
      types.str
    ]
  );

  # Settings that hold for all come first, then by priority.
  sections = lib.sort (a: b: a.priority < b.priority) (
    lib.mapAttrsToList (name: section: section // { inherit name; }) (
      lib.filterAttrs (_: section: section.enable) cfg.settings
    )
  );

  # Shell commands stand between the name of the setting and `endscript`.
  scripts = [
    "firstaction"
    "lastaction"
    "postrotate"
    "preremove"
    "prerotate"
  ];

  setting =
    name: value:
    if value == null || value == false then
      ""
    else if value == true then
      "${name}\n"
    else if lib.elem name scripts then
      "${name}\n${value}\nendscript\n"
    else
      "${name} ${toString value}\n";

  text =
    section:
    let
      settings = lib.concatStrings (
        lib.mapAttrsToList setting (
          removeAttrs section [
            "enable"
            "files"
            "frequency"
            "global"
            "name"
            "priority"
          ]
        )
      );
      frequency = lib.optionalString (section.frequency != null) "${section.frequency}\n";
      # Paths may have spaces; patterns must not be quoted away.
      files = lib.concatMapStringsSep "\n" builtins.toJSON section.files;
    in
    if section.global then frequency + settings else "${files} {\n${frequency}${settings}}\n";

  configuration = pkgs.writeText "logrotate.conf" (lib.concatMapStringsSep "\n" text sections);
in
{
  options.services.logrotate = {
    enable = mkOption {
      type = types.bool;
      default = lib.any (section: section.enable && !section.global) (lib.attrValues cfg.settings);
      defaultText = lib.literalMD "whether there is a log to put aside";
      description = "Whether logs are put aside at regular times.";
    };
    allowNetworking = mkOption {
      type = types.bool;
      default = false;
      description = "Whether scripts that run then may use the network.";
    };
    settings = mkOption {
      default = { };
      example = {
        "/var/log/example.log" = {
          frequency = "daily";
          rotate = 3;
        };
      };
      description = "Logs, by the name of their file, and how they are put aside; see {manpage}`logrotate(8)`. `header` holds for all.";
      type = types.attrsOf (
        types.submodule (
          { name, ... }:
          {
            freeformType = types.attrsOf value;
            options = {
              enable = mkOption {
                type = types.bool;
                default = true;
                description = "Whether these logs are put aside.";
              };
              global = mkOption {
                type = types.bool;
                default = name == "header";
                description = "Whether the settings hold for all logs.";
              };
              files = mkOption {
                type = types.coercedTo types.str lib.singleton (types.listOf types.str);
                default = [ name ];
                description = "The logs, or patterns of their names.";
              };
              frequency = mkOption {
                type = types.nullOr types.str;
                default = null;
                example = "daily";
                description = "How often.";
              };
              priority = mkOption {
                type = types.int;
                default = if name == "header" then 100 else 1000;
                description = "The place among the settings; lower comes first.";
              };
            };
          }
        )
      );
    };
    configFile = mkOption {
      type = types.path;
      default = configuration;
      defaultText = lib.literalMD "made from {option}`services.logrotate.settings`";
      description = "The whole configuration.";
    };
    checkConfig = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the configuration is checked in the build. The Debian base runs no programs in builds.";
    };
    extraArgs = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Further arguments of logrotate.";
    };
  };

  config = lib.mkMerge [
    {
      # Outside of the condition, which looks at all settings.
      services.logrotate.settings.header = lib.mapAttrs (_: lib.mkDefault) {
        frequency = "weekly";
        rotate = 4;
      };
    }
    (lib.mkIf cfg.enable {
      environment.debianPackages = [ "logrotate" ];
      environment.etc."logrotate.conf".source = cfg.configFile;

      systemd.services.logrotate = {
        overrideStrategy = "asDropin";
        serviceConfig = {
          ExecStart = [
            ""
            "/usr/sbin/logrotate ${lib.escapeShellArgs cfg.extraArgs} /etc/logrotate.conf"
          ];
          PrivateNetwork = lib.mkIf (!cfg.allowNetworking) true;
        };
      };
      systemd.timers.logrotate = {
        overrideStrategy = "asDropin";
        wantedBy = [ "timers.target" ];
      };
    })
  ];
}
