# The SSH client: known hosts and settings for all users.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.programs.ssh;

  knownHostModule =
    { name, config, ... }:
    {
      options = {
        certAuthority = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the key signs hosts' keys.";
        };
        hostNames = mkOption {
          type = types.listOf types.str;
          default = [ name ] ++ config.extraHostNames;
          defaultText = lib.literalMD "the name of the attribute and {option}`extraHostNames`";
          description = "The host's names and addresses.";
        };
        extraHostNames = mkOption {
          type = types.listOf types.str;
          default = [ ];
          description = "Further names and addresses of the host.";
        };
        publicKey = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "The host's public key.";
        };
        publicKeyFile = mkOption {
          type = types.nullOr types.path;
          default = null;
          description = "A file with the host's public key, read when the system is evaluated.";
        };
      };
    };

  hosts = lib.attrValues cfg.knownHosts;
  keyOf =
    host:
    if host.publicKey != null then
      host.publicKey
    else
      lib.removeSuffix "\n" (builtins.readFile host.publicKeyFile);
in
{
  options.programs.ssh = {
    knownHosts = mkOption {
      type = types.attrsOf (types.submodule knownHostModule);
      default = { };
      description = "Hosts whose keys all users trust.";
    };

    knownHostsFiles = mkOption {
      type = types.listOf types.path;
      default = [ ];
      description = "Further files with keys of hosts.";
    };

    extraConfig = mkOption {
      type = types.lines;
      default = "";
      description = "Further lines of /etc/ssh/ssh_config, before the others: the first value counts.";
    };

    startAgent = mkOption {
      type = types.bool;
      default = false;
      description = "Whether each user has an agent that holds keys.";
    };

    agentTimeout = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "1h";
      description = "How long the agent holds a key.";
    };
  };

  config = {
    environment.etc."ssh/ssh_config".text = ''
      ${cfg.extraConfig}
      Host *
      GlobalKnownHostsFile ${
        lib.concatMapStringsSep " " toString ([ "/etc/ssh/ssh_known_hosts" ] ++ cfg.knownHostsFiles)
      }
      ${lib.optionalString (!config.networking.enableIPv6) "AddressFamily inet"}
      SendEnv LANG LC_* COLORTERM NO_COLOR
    '';

    environment.etc."ssh/ssh_known_hosts".text = lib.concatMapStrings (
      host:
      "${lib.optionalString host.certAuthority "@cert-authority "}${lib.concatStringsSep "," host.hostNames} ${keyOf host}\n"
    ) hosts;

    systemd.user.services.ssh-agent = lib.mkIf cfg.startAgent {
      description = "SSH Agent";
      wantedBy = [ "default.target" ];
      unitConfig.ConditionUser = "!@system";
      serviceConfig = {
        Type = "simple";
        ExecStart = [
          ""
          "/usr/bin/ssh-agent ${lib.optionalString (cfg.agentTimeout != null) "-t ${cfg.agentTimeout} "}-D -a %t/ssh-agent"
        ];
      };
    };

    environment.extraInit = lib.optionalString cfg.startAgent ''
      if [ -z "$SSH_AUTH_SOCK" ] && [ -n "$XDG_RUNTIME_DIR" ]; then
        export SSH_AUTH_SOCK="$XDG_RUNTIME_DIR/ssh-agent"
      fi
    '';

    assertions = lib.mapAttrsToList (name: host: {
      assertion = (host.publicKey == null) != (host.publicKeyFile == null);
      message = "programs.ssh.knownHosts.${name} must have either publicKey or publicKeyFile.";
    }) cfg.knownHosts;
  };
}
