# login, useradd and their kin: /etc/login.defs.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.security.loginDefs;
in
{
  options.security.loginDefs.settings = mkOption {
    type = types.submodule {
      freeformType = types.attrsOf (
        types.oneOf [
          types.str
          types.int
          types.bool
        ]
      );
    };
    default = { };
    example = {
      ENCRYPT_METHOD = "YESCRYPT";
    };
    description = "Settings of {manpage}`login.defs(5)`.";
  };

  config = {
    security.loginDefs.settings = lib.mapAttrs (_: lib.mkDefault) {
      DEFAULT_HOME = "yes";
      SYS_UID_MIN = 400;
      SYS_UID_MAX = 999;
      UID_MIN = 1000;
      UID_MAX = 29999;
      SYS_GID_MIN = 400;
      SYS_GID_MAX = 999;
      GID_MIN = 1000;
      GID_MAX = 29999;
      SUB_UID_MIN = 100000;
      SUB_UID_MAX = 600100000;
      SUB_UID_COUNT = 65536;
      SUB_GID_MIN = 100000;
      SUB_GID_MAX = 600100000;
      SUB_GID_COUNT = 65536;
      TTYGROUP = "tty";
      TTYPERM = "0620";
      UMASK = "077";
      HOME_MODE = "0700";
      USERGROUPS_ENAB = "yes";
      ENCRYPT_METHOD = "YESCRYPT";
      ENV_SUPATH = "PATH=/run/wrappers/bin:/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
      ENV_PATH = "PATH=/run/wrappers/bin:/run/current-system/sw/bin:/usr/local/bin:/usr/bin:/bin";
    };

    environment.etc."login.defs".text = lib.concatStrings (
      lib.mapAttrsToList (
        name: value: "${name} ${if builtins.isBool value then (if value then "yes" else "no") else toString value}\n"
      ) cfg.settings
    );

    environment.etc."default/useradd".text = ''
      GROUP=100
      HOME=/home
      INACTIVE=-1
      EXPIRE=
      SHELL=${toString config.users.defaultUserShell}
      SKEL=/etc/skel
      CREATE_MAIL_SPOOL=no
    '';
  };
}
