# sudo.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.security.sudo;

  toUser = user: if builtins.isInt user then "#${toString user}" else user;
  toGroup = group: if builtins.isInt group then "%#${toString group}" else "%${group}";

  toCommand =
    command:
    if builtins.isString command then
      command
    else
      lib.concatMapStrings (option: "${option}: ") command.options
      + command.command;

  toRule =
    rule:
    lib.optionalString (rule.commands != [ ]) (
      let
        who = map toUser rule.users ++ map toGroup rule.groups;
        commands = lib.concatMapStringsSep ", " toCommand rule.commands;
      in
      lib.concatMapStrings (name: "${name} ${rule.host}=(${rule.runAs}) ${commands}\n") who
    );

  commandType = types.either types.str (
    types.submodule {
      options = {
        command = mkOption {
          type = types.str;
          description = "The command, with its full path, or `ALL`.";
        };
        options = mkOption {
          type = types.listOf (
            types.enum [
              "NOPASSWD"
              "PASSWD"
              "NOEXEC"
              "EXEC"
              "SETENV"
              "NOSETENV"
              "LOG_INPUT"
              "NOLOG_INPUT"
              "LOG_OUTPUT"
              "NOLOG_OUTPUT"
              "MAIL"
              "NOMAIL"
              "FOLLOW"
              "NOFOLLOW"
              "INTERCEPT"
              "NOINTERCEPT"
            ]
          );
          default = [ ];
          description = "Tags of the command; see {manpage}`sudoers(5)`.";
        };
      };
    }
  );
in
{
  options.security.sudo = {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether users may run commands as others by `sudo`.";
    };

    defaultOptions = mkOption {
      type = types.listOf types.str;
      default = [ "SETENV" ];
      description = "Tags of the rules for root and for the group wheel.";
    };

    wheelNeedsPassword = mkOption {
      type = types.bool;
      default = true;
      description = "Whether users of the group wheel give their password.";
    };

    execWheelOnly = mkOption {
      type = types.bool;
      default = false;
      description = "Whether only the group wheel can run the program at all.";
    };

    configFile = mkOption {
      type = types.lines;
      description = "The whole of /etc/sudoers; made from the other options unless set.";
    };

    extraRules = mkOption {
      type = types.listOf (
        types.submodule {
          options = {
            users = mkOption {
              type = types.listOf (types.either types.str types.int);
              default = [ ];
              description = "The users whom the rule is for.";
            };
            groups = mkOption {
              type = types.listOf (types.either types.str types.int);
              default = [ ];
              description = "The groups whom the rule is for.";
            };
            host = mkOption {
              type = types.str;
              default = "ALL";
              description = "The host on which the rule holds.";
            };
            runAs = mkOption {
              type = types.str;
              default = "ALL:ALL";
              description = "The user and group that the commands may run as.";
            };
            commands = mkOption {
              type = types.listOf commandType;
              description = "The commands that are allowed.";
            };
          };
        }
      );
      default = [ ];
      example = lib.literalExpression ''
        [
          {
            groups = [ "operators" ];
            commands = [ { command = "/usr/bin/systemctl restart web.service"; options = [ "NOPASSWD" ]; } ];
          }
        ]
      '';
      description = "Further rules; the last that matches counts.";
    };

    extraConfig = mkOption {
      type = types.lines;
      default = "";
      description = "Further lines of /etc/sudoers.";
    };

    keepTerminfo = mkOption {
      type = types.bool;
      default = true;
      description = "Whether TERMINFO and TERMINFO_DIRS are kept.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [ "sudo" ];

    security.sudo = {
      extraRules = lib.mkMerge [
        (lib.mkBefore [
          {
            users = [ "root" ];
            commands = [
              {
                command = "ALL";
                options = cfg.defaultOptions;
              }
            ];
          }
        ])
        (lib.mkOrder 600 [
          {
            groups = [ "wheel" ];
            commands = [
              {
                command = "ALL";
                options = lib.optional (!cfg.wheelNeedsPassword) "NOPASSWD" ++ cfg.defaultOptions;
              }
            ];
          }
        ])
      ];

      configFile = lib.mkDefault (
        lib.concatStringsSep "\n" (
          [
            "# Made from security.sudo of the configuration."
            "Defaults secure_path=\"/run/wrappers/bin:/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\""
          ]
          ++ lib.optional cfg.keepTerminfo "Defaults:root,%wheel env_keep+=TERMINFO_DIRS\nDefaults:root,%wheel env_keep+=TERMINFO"
          ++ lib.filter (rule: rule != "") (map toRule cfg.extraRules)
          ++ [
            cfg.extraConfig
          ]
        )
      );
    };

    environment.etc.sudoers = {
      text = cfg.configFile;
      mode = "0440";
    };

    security.wrappers = {
      sudo = {
        source = "/usr/bin/sudo";
        owner = "root";
        group = if cfg.execWheelOnly then "wheel" else "root";
        setuid = true;
        permissions = if cfg.execWheelOnly then "u+rx,g+x" else "u+rx,g+x,o+x";
      };
      sudoedit = {
        source = "/usr/bin/sudo";
        owner = "root";
        group = if cfg.execWheelOnly then "wheel" else "root";
        setuid = true;
        permissions = if cfg.execWheelOnly then "u+rx,g+x" else "u+rx,g+x,o+x";
      };
    };

    security.pam.services.sudo = { };
    security.pam.services.sudo-i = { };
  };
}
