# Who may log in, and what happens then: the rules of PAM, a file a service.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types optionalString;
  parent = config.security.pam;

  limitsModule = {
    options = {
      domain = mkOption {
        type = types.str;
        example = "@wheel";
        description = "The user, or `@` and a group, or `*`.";
      };
      type = mkOption {
        type = types.enum [
          "-"
          "hard"
          "soft"
        ];
        default = "-";
        description = "Which limit; `-` is both.";
      };
      item = mkOption {
        type = types.enum [
          "core"
          "data"
          "fsize"
          "memlock"
          "nofile"
          "rss"
          "stack"
          "cpu"
          "nproc"
          "as"
          "maxlogins"
          "maxsyslogins"
          "priority"
          "locks"
          "sigpending"
          "msgqueue"
          "nice"
          "rtprio"
        ];
        description = "What is limited.";
      };
      value = mkOption {
        type = types.oneOf [
          types.str
          types.int
        ];
        description = "The limit.";
      };
    };
  };

  limitsFile =
    limits:
    pkgs.writeText "limits.conf" (
      lib.concatMapStrings (
        limit: "${limit.domain} ${limit.type} ${limit.item} ${toString limit.value}\n"
      ) limits
    );

  serviceModule =
    { name, config, ... }:
    let
      limits = parent.loginLimits ++ config.limits;
      switch = description: default: mkOption {
        type = types.bool;
        inherit default description;
      };
    in
    {
      options = {
        enable = switch "Whether the service has rules." true;
        name = mkOption {
          type = types.str;
          default = name;
          description = "The name of the service.";
        };
        rootOK = switch "Whether root needs no password." false;
        unixAuth = switch "Whether passwords let in." true;
        allowNullPassword = switch "Whether an empty password lets in." false;
        nodelay = switch "Whether a wrong password is refused at once." false;
        startSession = switch "Whether the login is registered with systemd." false;
        setLoginUid = mkOption {
          type = types.bool;
          default = config.startSession;
          defaultText = lib.literalExpression "config.startSession";
          description = "Whether the login's user is what the kernel's audit notes.";
        };
        setEnvironment = switch "Whether {option}`environment.sessionVariables` are set." true;
        showMotd = switch "Whether /etc/motd is shown." false;
        makeHomeDir = switch "Whether a home directory is made for a user who has none." false;
        requireWheel = switch "Whether only the group wheel is let in." false;
        limits = mkOption {
          type = types.listOf (types.submodule limitsModule);
          default = [ ];
          description = "Limits of processes, besides {option}`security.pam.loginLimits`.";
        };
        text = mkOption {
          type = types.nullOr types.lines;
          description = "The rules; what the other options say, unless set.";
        };
      };

      config.text = lib.mkDefault ''
        # Account management.
        account required pam_unix.so

        # Authentication management.
        ${optionalString config.rootOK "auth sufficient pam_rootok.so\n"}${
          optionalString config.requireWheel "auth required pam_wheel.so use_uid group=wheel\n"
        }${
          optionalString config.unixAuth "auth sufficient pam_unix.so${optionalString config.allowNullPassword " nullok"}${optionalString config.nodelay " nodelay"} likeauth try_first_pass\n"
        }auth required pam_deny.so

        # Password management.
        password sufficient pam_unix.so nullok yescrypt

        # Session management.
        ${
          optionalString config.setEnvironment "session required pam_env.so conffile=/etc/pam/environment readenv=0\n"
        }session required pam_unix.so
        ${optionalString config.setLoginUid "session optional pam_loginuid.so\n"}${
          optionalString config.makeHomeDir "session required pam_mkhomedir.so silent skel=/etc/skel umask=0077\n"
        }${optionalString config.startSession "session optional pam_systemd.so\n"}${
          optionalString (limits != [ ]) "session required pam_limits.so conf=${limitsFile limits}\n"
        }${optionalString config.showMotd "session optional pam_motd.so motd=/etc/motd\n"}
      '';
    };

  # Debian's packages include these in the rules of their own services.
  common = {
    common-account = "account required pam_unix.so\n";
    common-auth = ''
      auth sufficient pam_unix.so likeauth try_first_pass
      auth required pam_deny.so
    '';
    common-password = "password sufficient pam_unix.so nullok yescrypt\npassword required pam_deny.so\n";
    common-session = ''
      session required pam_env.so conffile=/etc/pam/environment readenv=0
      session required pam_unix.so
      session optional pam_systemd.so
    '';
    common-session-noninteractive = ''
      session required pam_env.so conffile=/etc/pam/environment readenv=0
      session required pam_unix.so
    '';
  };
in
{
  options.users.motd = mkOption {
    type = types.lines;
    default = "";
    example = "Today is a good day.";
    description = "What everyone is shown after logging in.";
  };

  options.security.pam = {
    services = mkOption {
      type = types.attrsOf (types.submodule serviceModule);
      default = { };
      description = "Services that authenticate by PAM, by name.";
    };

    loginLimits = mkOption {
      type = types.listOf (types.submodule limitsModule);
      default = [ ];
      example = [
        {
          domain = "ftp";
          type = "hard";
          item = "nproc";
          value = "0";
        }
      ];
      description = "Limits of the processes of everyone who logs in.";
    };
  };

  config = {
    environment.debianPackages = [
      "libpam-modules"
      "libpam-modules-bin"
      "libpam-runtime"
    ];

    environment.etc =
      lib.mapAttrs' (_: service: lib.nameValuePair "pam.d/${service.name}" { inherit (service) text; }) (
        lib.filterAttrs (_: service: service.enable) parent.services
      )
      // lib.mapAttrs' (name: text: lib.nameValuePair "pam.d/${name}" { inherit text; }) common
      // lib.optionalAttrs (config.users.motd != "") { motd.text = config.users.motd + "\n"; };

    system.debian.ownTexts = map (service: limitsFile (parent.loginLimits ++ service.limits)) (
      lib.attrValues parent.services
    );

    security.pam.services = {
      # Whoever asks for a service that nobody wrote rules for.
      other.text = ''
        auth required pam_warn.so
        auth required pam_deny.so
        account required pam_warn.so
        account required pam_deny.so
        password required pam_warn.so
        password required pam_deny.so
        session required pam_warn.so
        session required pam_deny.so
      '';

      login = {
        startSession = true;
        allowNullPassword = true;
        showMotd = true;
      };
      su = {
        rootOK = true;
      };
      su-l = {
        rootOK = true;
      };
      runuser = {
        rootOK = true;
        unixAuth = false;
      };
      runuser-l = {
        rootOK = true;
        unixAuth = false;
        startSession = true;
      };
      passwd = { };
      chpasswd.rootOK = true;
      chsh.rootOK = true;
      chfn.rootOK = true;
      useradd.rootOK = true;
      usermod.rootOK = true;
      userdel.rootOK = true;
      groupadd.rootOK = true;
      groupmod.rootOK = true;
      groupdel.rootOK = true;
      newusers.rootOK = true;
      systemd-run0.rootOK = true;
      systemd-user = {
        unixAuth = false;
        startSession = true;
      };
    };
  };
}
