# Users and groups, made by the activation from what is declared here and what
# the host already has.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:

let
  cfg = config.users;
  ids = config.ids;
  inherit (lib) mkOption types mkIf mkDefault;

  # The fields of /etc/passwd are separated by colons.
  passwdField = types.strMatching "[^:\n]*";
  hashedPassword = types.nullOr (types.strMatching "[^:\n]*");

  passwordOption =
    description:
    mkOption {
      type = hashedPassword;
      default = null;
      inherit description;
    };

  subordinateRanges =
    what:
    mkOption {
      type = types.listOf (
        types.submodule {
          options = {
            ${"start${what}"} = mkOption {
              type = types.int;
              description = "The first number of the range.";
            };
            count = mkOption {
              type = types.int;
              default = 1;
              description = "How many numbers.";
            };
          };
        }
      );
      default = [ ];
      description = "Ranges of numbers that the user may map into user namespaces.";
    };

  userModule =
    { name, config, ... }:
    {
      options = {
        enable = mkOption {
          type = types.bool;
          default = true;
          description = "Whether the user exists.";
        };
        name = mkOption {
          type = passwdField;
          description = "The user's name.";
        };
        description = mkOption {
          type = passwdField;
          default = "";
          example = "Alice Q. User";
          description = "The user's full name.";
        };
        uid = mkOption {
          type = types.nullOr types.int;
          default = null;
          description = "The user's number; if null the host gives one out and keeps it.";
        };
        isSystemUser = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the user is for a service: a number below 1000, no login shell.";
        };
        isNormalUser = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the user is for a person: a number from 1000 on, the group `users`, a home directory, the default shell.";
        };
        group = mkOption {
          type = types.str;
          default = "";
          apply = value: assert lib.stringLength value < 32; value;
          description = "The user's primary group.";
        };
        extraGroups = mkOption {
          type = types.listOf types.str;
          default = [ ];
          description = "Further groups of the user.";
        };
        home = mkOption {
          type = passwdField;
          default = "/var/empty";
          description = "The home directory.";
        };
        homeMode = mkOption {
          type = types.strMatching "[0-7]{1,5}";
          default = "700";
          description = "The mode of the home directory when it is made.";
        };
        createHome = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the home directory is made if there is none.";
        };
        shell = mkOption {
          type = types.nullOr (
            types.oneOf [
              types.package
              passwdField
            ]
          );
          default = "/usr/sbin/nologin";
          example = lib.literalExpression "pkgs.zsh";
          description = "The login shell: a package or a path.";
        };
        useDefaultShell = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the login shell is {option}`users.defaultUserShell`.";
        };
        packages = mkOption {
          type = types.listOf types.package;
          default = [ ];
          description = "Packages of the user. All users of a host share its /usr, so others have them too.";
        };
        linger = mkOption {
          type = types.nullOr types.bool;
          default = null;
          description = "Whether the user's services run without a login; null leaves what `loginctl` said.";
        };
        expires = mkOption {
          type = types.nullOr (types.strMatching "[[:digit:]]{4}-[[:digit:]]{2}-[[:digit:]]{2}");
          default = null;
          description = "The date from which the user cannot log in, as YYYY-MM-DD.";
        };
        hashedPassword = passwordOption "The hash of the password, as `mkpasswd` makes it. `!` lets no password in; the empty string lets everyone in without.";
        password = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "The password itself. It is readable by everyone on the host and in the store: for tests only.";
        };
        hashedPasswordFile = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "A file on the host whose first line is the hash of the password, read at each activation.";
        };
        initialHashedPassword = passwordOption "The hash of the password that the user has when the account is made.";
        initialPassword = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "The password that the user has when the account is made. It is readable by everyone on the host and in the store.";
        };
        subUidRanges = subordinateRanges "Uid";
        subGidRanges = subordinateRanges "Gid";
        autoSubUidGidRange = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the host gives the user a range of 65536 subordinate user and group numbers and keeps it.";
        };
        openssh.authorizedKeys = {
          keys = mkOption {
            type = types.listOf types.singleLineStr;
            default = [ ];
            description = "Public keys that let the user in over SSH.";
          };
          keyFiles = mkOption {
            type = types.listOf types.path;
            default = [ ];
            description = "Files with public keys, read when the system is evaluated.";
          };
        };
      };

      config = lib.mkMerge [
        {
          name = mkDefault name;
          shell = mkIf config.useDefaultShell (mkDefault cfg.defaultUserShell);
        }
        (mkIf config.isNormalUser {
          group = mkDefault "users";
          createHome = mkDefault true;
          home = mkDefault "/home/${config.name}";
          homeMode = mkDefault "700";
          useDefaultShell = mkDefault true;
          isSystemUser = mkDefault false;
        })
        # A range of a person's, unless ranges are given.
        (mkIf (config.isNormalUser && config.subUidRanges == [ ] && config.subGidRanges == [ ]) {
          autoSubUidGidRange = mkDefault true;
        })
      ];
    };

  groupModule =
    { name, config, ... }:
    {
      options = {
        name = mkOption {
          type = passwdField;
          description = "The group's name.";
        };
        gid = mkOption {
          type = types.nullOr types.int;
          default = null;
          description = "The group's number; if null the host gives one out and keeps it.";
        };
        members = mkOption {
          type = types.listOf passwdField;
          default = [ ];
          description = "Users in the group, besides those that name it themselves.";
        };
      };
      config = {
        name = mkDefault name;
        members = lib.mapAttrsToList (_: user: user.name) (
          lib.filterAttrs (_: user: user.enable && lib.elem config.name user.extraGroups) cfg.users
        );
      };
    };

  users = lib.filter (user: user.enable) (lib.attrValues cfg.users);

  # What the activation reads: a line a user or group, fields separated by tabs;
  # `-` stands for a value that is not given, `=` precedes one that is.
  field = value: if value == null then "-" else "=${toString value}";
  record = fields: lib.concatStringsSep "\t" fields + "\n";
  flag = value: if value then "1" else "0";
  ranges = key: list: lib.concatMapStringsSep "," (range: "${toString range.${key}}:${toString range.count}") list;

  specification = pkgs.writeText "users-groups" (
    record [
      "mutable"
      (flag cfg.mutableUsers)
    ]
    + lib.concatMapStrings (
      group:
      record [
        "group"
        group.name
        (field group.gid)
        (lib.concatStringsSep "," (lib.unique group.members))
      ]
    ) (lib.attrValues cfg.groups)
    + lib.concatMapStrings (
      user:
      record [
        "user"
        user.name
        (field user.uid)
        user.group
        (field user.description)
        user.home
        (utils.toShellPath (if user.shell == null then "/usr/sbin/nologin" else user.shell))
        (flag user.isSystemUser)
        (flag user.createHome)
        user.homeMode
        (field user.hashedPassword)
        (field user.password)
        (field user.hashedPasswordFile)
        (field user.initialHashedPassword)
        (field user.initialPassword)
        (field user.expires)
        (flag user.autoSubUidGidRange)
        (ranges "startUid" user.subUidRanges)
        (ranges "startGid" user.subGidRanges)
      ]
    ) users
  );

  given = user: {
    inherit (user)
      hashedPassword
      password
      hashedPasswordFile
      initialHashedPassword
      initialPassword
      ;
  };
  passwordsGiven = user: lib.filter (value: value != null) (lib.attrValues (given user));

  # A way in for somebody who may become root.
  canLogIn =
    user:
    (user.name == "root" || lib.elem "wheel" user.extraGroups || user.group == "wheel")
    && (
      user.openssh.authorizedKeys.keys != [ ]
      || user.openssh.authorizedKeys.keyFiles != [ ]
      || user.password != null
      || user.hashedPasswordFile != null
      || user.initialPassword != null
      || (user.hashedPassword != null && builtins.match "[!*].*" user.hashedPassword == null)
      || (user.initialHashedPassword != null && builtins.match "[!*].*" user.initialHashedPassword == null)
    );

  debianUser = uid: group: description: {
    uid = mkDefault uid;
    inherit group description;
    isSystemUser = true;
  };
in
{
  imports = [
    (lib.mkAliasOptionModule [ "users" "extraUsers" ] [ "users" "users" ])
    (lib.mkAliasOptionModule [ "users" "extraGroups" ] [ "users" "groups" ])
  ];

  options.users = {
    mutableUsers = mkOption {
      type = types.bool;
      default = true;
      description = "Whether users, groups and passwords made on the host (`useradd`, `passwd`) stay. Otherwise each activation makes them what is declared.";
    };

    enforceIdUniqueness = mkOption {
      type = types.bool;
      default = true;
      description = "Whether two users or groups with the same number are an error.";
    };

    allowNoPasswordLogin = mkOption {
      type = types.bool;
      default = false;
      description = "Whether a system is allowed that nobody can log in to as an administrator.";
    };

    defaultUserShell = mkOption {
      type = types.oneOf [
        types.package
        types.path
      ];
      default = "/bin/bash";
      description = "The login shell of users who have no other.";
    };

    defaultUserHome = mkOption {
      type = types.str;
      internal = true;
      default = "/home";
      description = "Where home directories are.";
    };

    users = mkOption {
      type = types.attrsOf (types.submodule userModule);
      default = { };
      description = "Users of the host.";
    };

    groups = mkOption {
      type = types.attrsOf (types.submodule groupModule);
      default = { };
      description = "Groups of the host.";
    };
  };

  config = {
    users.users =
      lib.mapAttrs (name: uid: debianUser uid (if name == "nobody" || name == "_apt" || name == "sync" then "nogroup" else name) name) (
        removeAttrs ids.uids [
          "root"
          "sync"
        ]
      )
      // {
        root = {
          uid = ids.uids.root;
          description = "System administrator";
          home = "/root";
          shell = mkDefault cfg.defaultUserShell;
          group = "root";
          initialHashedPassword = mkDefault "!";
        };
        systemd-journal-remote = {
          isSystemUser = true;
          group = "systemd-journal-remote";
          description = "systemd Journal Remote";
        };
        messagebus = {
          isSystemUser = true;
          group = "messagebus";
          description = "System Message Bus";
        };
      };

    # Debian's groups, those that udev's rules and services expect, and NixOS's wheel.
    users.groups =
      lib.mapAttrs (_: gid: { gid = mkDefault gid; }) ids.gids
      // lib.genAttrs [
        "clock"
        "input"
        "kvm"
        "messagebus"
        "netdev"
        "render"
        "sgx"
        "systemd-journal"
        "systemd-journal-remote"
        "wheel"
      ] (_: { });

    environment.systemPackages = lib.concatMap (user: user.packages) users;

    environment.etc =
      lib.mapAttrs' (
        _: user:
        lib.nameValuePair "ssh/authorized_keys.d/${user.name}" {
          mode = "0444";
          text = lib.concatStringsSep "\n" (
            user.openssh.authorizedKeys.keys
            ++ map (path: lib.removeSuffix "\n" (builtins.readFile path)) user.openssh.authorizedKeys.keyFiles
          ) + "\n";
        }
      ) (lib.filterAttrs (_: user: user.enable && (user.openssh.authorizedKeys.keys != [ ] || user.openssh.authorizedKeys.keyFiles != [ ])) cfg.users);

    system.activationScripts = {
      users = {
        deps = [ "var" ];
        text = ''
          /usr/bin/perl ${./update-users-groups.pl} ${specification} "$systemConfig/usr/lib/sysusers.d" || _localstatus=$?
        ''
        + lib.concatMapStrings (
          user:
          lib.optionalString (user.linger != null) (
            if user.linger then
              ''
                mkdir -p /var/lib/systemd/linger && touch /var/lib/systemd/linger/${lib.escapeShellArg user.name}
              ''
            else
              ''
                rm -f /var/lib/systemd/linger/${lib.escapeShellArg user.name}
              ''
          )
        ) users;
      };
      # Older configurations order their scripts after this one.
      groups = lib.stringAfter [ "users" ] "";
      hashes = lib.stringAfter [ "users" ] "";
    };

    warnings = lib.concatMap (
      user:
      lib.optional (
        lib.length (lib.filter (value: value != null) [ user.hashedPassword user.password user.hashedPasswordFile ]) > 1
        || (cfg.mutableUsers == false && lib.length (passwordsGiven user) > 1)
      ) "The user `${user.name}` has more than one of hashedPassword, password, hashedPasswordFile and the initial ones; hashedPasswordFile goes before password, password before hashedPassword."
    ) (lib.filter (user: user.name != "root") users);

    assertions = [
      {
        assertion =
          !cfg.enforceIdUniqueness
          || (
            let
              unique = values: lib.length (lib.unique values) == lib.length values;
              numbers = key: list: lib.filter (value: value != null) (map (item: item.${key}) list);
            in
            unique (numbers "uid" users) && unique (numbers "gid" (lib.attrValues cfg.groups))
          );
        message = "Two users or two groups have the same number (users.enforceIdUniqueness).";
      }
      {
        assertion = cfg.mutableUsers || cfg.allowNoPasswordLogin || lib.any canLogIn users;
        message = "Neither root nor a user of the group wheel has a password or an SSH key, so nobody could administer the host. Set one, or users.allowNoPasswordLogin.";
      }
    ]
    ++ lib.concatMap (user: [
      {
        assertion = (user.isSystemUser != user.isNormalUser) || user.uid == 0 || user.name == "root";
        message = "Exactly one of users.users.${user.name}.isSystemUser and users.users.${user.name}.isNormalUser must be set.";
      }
      {
        assertion = user.group != "";
        message = "users.users.${user.name}.group is not set. For a group of the user's own: users.users.${user.name}.group = \"${user.name}\"; users.groups.${user.name} = { };";
      }
      {
        assertion = user.group == "" || lib.any (group: group.name == user.group) (lib.attrValues cfg.groups);
        message = "users.users.${user.name}.group is `${user.group}`, which is not in users.groups.";
      }
      {
        assertion = lib.all (value: value == null || builtins.match "[^\n\t]*" value != null) (lib.attrValues (given user));
        message = "A password of users.users.${user.name} has a line break or a tab in it.";
      }
    ]) users;
  };
}
