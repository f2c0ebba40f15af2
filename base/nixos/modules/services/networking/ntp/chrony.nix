# chrony: the time from the network, and to it.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.chrony;

  stateDirectory = cfg.directory;

  configuration = ''
    ${lib.concatMapStringsSep "\n" (
      server: "server ${server} ${cfg.serverOption}${lib.optionalString cfg.enableNTS " nts"}"
    ) cfg.servers}

    ${lib.optionalString (cfg.initstepslew.enabled && cfg.servers != [ ]) "initstepslew ${toString cfg.initstepslew.threshold} ${lib.concatStringsSep " " cfg.servers}"}

    driftfile ${stateDirectory}/chrony.drift
    keyfile ${stateDirectory}/chrony.keys
    ${lib.optionalString cfg.enableRTCTrimming "rtcfile ${stateDirectory}/chrony.rtc"}
    ${lib.optionalString cfg.enableRTCTrimming "rtcautotrim ${toString cfg.autotrimThreshold}"}
    ${lib.optionalString (!cfg.enableRTCTrimming) "rtcsync"}
    ${lib.optionalString cfg.enableNTS "ntsdumpdir ${stateDirectory}"}

    ${cfg.extraConfig}
  '';
in
{
  options.services.chrony = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether chrony keeps the time, in place of systemd-timesyncd.";
    };
    enableMemoryLocking = mkOption {
      type = types.bool;
      default = true;
      description = "Whether chrony's memory is never swapped out.";
    };
    enableRTCTrimming = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the drift of the hardware clock is measured, and the clock set when it is too far off.";
    };
    autotrimThreshold = mkOption {
      type = types.ints.positive;
      default = 30;
      description = "By how many seconds the hardware clock may be off.";
    };
    enableNTS = mkOption {
      type = types.bool;
      default = false;
      description = "Whether servers prove who they are (Network Time Security).";
    };
    servers = mkOption {
      type = types.listOf types.str;
      default = config.networking.timeServers;
      defaultText = lib.literalExpression "config.networking.timeServers";
      description = "Servers that the time comes from.";
    };
    serverOption = mkOption {
      type = types.enum [
        "iburst"
        "offline"
      ];
      default = "iburst";
      description = "Whether servers are asked often at first, or only when the network is said to be there.";
    };
    initstepslew = {
      enabled = mkOption {
        type = types.bool;
        default = true;
        description = "Whether a clock that is far off is set at once when chrony starts.";
      };
      threshold = mkOption {
        type = types.either types.float types.int;
        default = 1000;
        description = "By how many seconds it must be off for that.";
      };
    };
    directory = mkOption {
      type = types.str;
      default = "/var/lib/chrony";
      description = "Where chrony keeps what it has learnt.";
    };
    extraConfig = mkOption {
      type = types.lines;
      default = "";
      description = "Further lines of {manpage}`chrony.conf(5)`.";
    };
    extraFlags = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "-s" ];
      description = "Further arguments of {manpage}`chronyd(8)`.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [ "chrony" ];
    environment.etc."chrony/chrony.conf".text = configuration;

    users.users._chrony = {
      isSystemUser = true;
      group = "_chrony";
      description = "chrony daemon user";
      home = cfg.directory;
    };
    users.groups._chrony = { };

    services.timesyncd.enable = lib.mkForce false;

    systemd.tmpfiles.rules = [
      "d /run/chrony 0750 _chrony _chrony - -"
      "d ${stateDirectory} 0750 _chrony _chrony - -"
      "f ${stateDirectory}/chrony.keys 0640 root _chrony - -"
    ];

    systemd.services.chronyd = {
      description = "chrony NTP daemon";
      wantedBy = [ "multi-user.target" ];
      wants = [ "time-sync.target" ];
      before = [ "time-sync.target" ];
      after = [
        "network.target"
        "nss-lookup.target"
      ];
      conflicts = [ "systemd-timesyncd.service" ];
      aliases = [ "chrony.service" ];
      unitConfig.ConditionCapability = "CAP_SYS_TIME";
      restartTriggers = [ config.environment.etc."chrony/chrony.conf".source ];
      serviceConfig = {
        Type = "simple";
        ExecStart = "/usr/sbin/chronyd -n -u _chrony -f /etc/chrony/chrony.conf${lib.optionalString cfg.enableMemoryLocking " -m"} ${lib.escapeShellArgs cfg.extraFlags}";
        ProtectHome = true;
        ProtectSystem = "full";
        PrivateTmp = true;
      };
    };
  };
}
