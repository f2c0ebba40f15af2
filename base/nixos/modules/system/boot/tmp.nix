# /tmp.
{ config, lib, ... }:

let
  cfg = config.boot.tmp;
  inherit (lib) mkOption types;
in
{
  options.boot.tmp = {
    cleanOnBoot = mkOption {
      type = types.bool;
      default = false;
      description = "Whether everything in /tmp is removed when the host boots.";
    };
    useTmpfs = mkOption {
      type = types.bool;
      default = false;
      description = "Whether /tmp is in memory.";
    };
    tmpfsSize = mkOption {
      type = types.oneOf [
        types.str
        types.ints.positive
      ];
      default = "50%";
      description = "How large /tmp in memory may grow.";
    };
    tmpfsHugeMemoryPages = mkOption {
      type = types.enum [
        "never"
        "always"
        "within_size"
        "advise"
      ];
      default = "never";
      description = "Whether /tmp in memory uses huge pages.";
    };
  };

  config = {
    # Debian ships tmp.mount switched on; here the option decides.
    systemd.suppressedSystemUnits = lib.mkIf (!cfg.useTmpfs) [ "tmp.mount" ];

    systemd.mounts = lib.mkIf cfg.useTmpfs [
      {
        what = "tmpfs";
        where = "/tmp";
        type = "tmpfs";
        overrideStrategy = "asDropinIfExists";
        mountConfig.Options = lib.concatStringsSep "," [
          "mode=1777"
          "strictatime"
          "rw"
          "nosuid"
          "nodev"
          "size=${toString cfg.tmpfsSize}"
          "huge=${cfg.tmpfsHugeMemoryPages}"
        ];
      }
    ];

    systemd.tmpfiles.rules = lib.optional cfg.cleanOnBoot "D! /tmp 1777 root root";
  };
}
