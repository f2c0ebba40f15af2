# How the host is reached and changed by `hostwright apply`. The names are
# colmena's.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;

  from = mkOption {
    type = types.enum [
      "host"
      "client"
    ];
    default = "host";
    description = "Where the check is made: on the host itself, or on the machine that deploys.";
  };

  checks =
    description: options:
    mkOption {
      type = types.attrsOf (types.submodule { options = options // { inherit from; }; });
      default = { };
      inherit description;
    };

  key =
    { config, name, ... }:
    {
      options = {
        name = mkOption {
          type = types.str;
          default = name;
          defaultText = lib.literalExpression "‹name›";
          description = "The name of the file.";
        };

        text = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "The secret itself. It is never written to the store, but it is in the configuration's text.";
        };

        keyFile = mkOption {
          type = types.nullOr types.path;
          default = null;
          # The path itself: as a string in a derivation, it would be copied to the store.
          apply = value: if value == null then null else toString value;
          description = "A file of the machine that deploys, with the secret.";
        };

        keyCommand = mkOption {
          type = types.nullOr (types.listOf types.str);
          default = null;
          example = [
            "pass"
            "show"
            "web/token"
          ];
          description = "A command, with its arguments, that prints the secret on the machine that deploys.";
        };

        destDir = mkOption {
          type = types.path;
          default = "/run/keys";
          apply = toString;
          description = "The directory of the file. What lies below {file}`/run` is gone after a boot, until `hostwright apply upload-keys`.";
        };

        path = mkOption {
          type = types.path;
          default = "${config.destDir}/${config.name}";
          defaultText = lib.literalExpression ''"''${destDir}/''${name}"'';
          internal = true;
          description = "Where the file is.";
        };

        user = mkOption {
          type = types.str;
          default = "root";
          description = "Who owns the file.";
        };

        group = mkOption {
          type = types.str;
          default = "root";
          description = "The file's group.";
        };

        permissions = mkOption {
          type = types.str;
          default = "0600";
          description = "The file's mode, in octal digits.";
        };

        uploadAt = mkOption {
          type = types.enum [
            "pre-activation"
            "post-activation"
          ];
          default = "pre-activation";
          description = "Whether it is brought before the new generation is activated, or afterwards.";
        };
      };
    };

  sources = key: lib.length (lib.filter (value: value != null) [
    key.text
    key.keyFile
    key.keyCommand
  ]);
in
{
  options.deployment = {
    keys = mkOption {
      type = types.attrsOf (types.submodule key);
      default = { };
      description = "Secrets that are brought to the host when it is deployed to, and that no store has. Units that need one require `‹name›-key.service`, which is there as soon as the file is.";
    };

    targetHost = mkOption {
      type = types.nullOr types.str;
      default = if config.networking.hostName == "" then null else config.networking.hostName;
      defaultText = lib.literalExpression "config.networking.hostName";
      example = "web.example.org";
      description = "The address for SSH; null for a host that is not deployed to over SSH.";
    };

    targetUser = mkOption {
      type = types.nullOr types.str;
      default = "root";
      description = "Who logs in; null leaves it to SSH's own configuration. Anybody but root needs {option}`deployment.privilegeEscalationCommand`.";
    };

    targetPort = mkOption {
      type = types.nullOr types.port;
      default = null;
      description = "The port of SSH; null leaves it to SSH's own configuration.";
    };

    sshOptions = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [
        "-o"
        "ProxyJump=gate.example.org"
      ];
      description = "Further arguments of {command}`ssh`.";
    };

    privilegeEscalationCommand = mkOption {
      type = types.listOf types.str;
      default = [
        "sudo"
        "-H"
        "--"
      ];
      description = "The command, with its arguments, that runs another one as root.";
    };

    tags = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "web" ];
      description = "Words that select the host: `--on @web`.";
    };

    buildOnTarget = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host builds its generations itself.";
    };

    allowLocalDeployment = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host may be the machine that deploys (`--local`).";
    };

    healthChecks = {
      timeout = mkOption {
        type = types.ints.positive;
        default = 30;
        description = "In how many seconds after a switch all checks must pass.";
      };

      http = checks "Web pages that must answer with success." {
        url = mkOption {
          type = types.str;
          example = "http://127.0.0.1:8080/healthz";
          description = "The address.";
        };
      };

      tcp = checks "Ports that somebody must listen at." {
        host = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "The machine; null is the host.";
        };
        port = mkOption {
          type = types.port;
          description = "The port.";
        };
      };

      command = checks "Shell commands that must succeed." {
        command = mkOption {
          type = types.str;
          example = "test -e /run/ready";
          description = "The command. On the host, root runs it; on the machine that deploys, whoever deploys, with the host's name and address in `HOSTWRIGHT_HOST` and `HOSTWRIGHT_ADDRESS`.";
        };
      };
    };
  };

  config = lib.mkIf (config.deployment.keys != { }) {
    assertions = lib.mapAttrsToList (name: key: {
      assertion = sources key == 1;
      message = "deployment.keys.${name} needs one of text, keyFile and keyCommand";
    }) config.deployment.keys;

    users.groups.keys = { };

    systemd.tmpfiles.rules = [ "d /run/keys 0750 root keys -" ];

    systemd.paths = lib.mapAttrs' (
      name: key:
      lib.nameValuePair "${name}-key" {
        wantedBy = [ "paths.target" ];
        pathConfig.PathExists = key.path;
      }
    ) config.deployment.keys;

    systemd.services = lib.mapAttrs' (
      name: key:
      lib.nameValuePair "${name}-key" {
        description = "The secret ${key.path}";
        script = ''
          until [ -e ${lib.escapeShellArg key.path} ]; do sleep 0.2; done
        '';
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          TimeoutStartSec = "infinity";
        };
      }
    ) config.deployment.keys;
  };
}
