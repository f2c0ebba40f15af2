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
in
{
  options.deployment = {
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
}
