# The SSH server.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.openssh;

  # sshd_config(5): booleans are yes and no, lists are separated as each keyword has it.
  commaSeparated = [
    "Ciphers"
    "HostKeyAlgorithms"
    "KexAlgorithms"
    "Macs"
    "MACs"
    "PubkeyAcceptedAlgorithms"
  ];
  settingText =
    name: value:
    if builtins.isBool value then
      if value then "yes" else "no"
    else if builtins.isList value then
      lib.concatMapStringsSep (if lib.elem name commaSeparated then "," else " ") toString value
    else
      toString value;

  settingLines = lib.concatStrings (
    lib.mapAttrsToList (
      name: value: lib.optionalString (value != null && value != [ ]) "${name} ${settingText name value}\n"
    ) cfg.settings
  );

  listen =
    address:
    let
      host = if lib.hasInfix ":" address.addr then "[${address.addr}]" else address.addr;
    in
    "ListenAddress ${host}${lib.optionalString (address.port != null) ":${toString address.port}"}\n";

  sshdConfig = ''
    ${lib.concatMapStrings (port: "Port ${toString port}\n") cfg.ports}${lib.concatMapStrings listen cfg.listenAddresses}
    ${lib.concatMapStrings (key: "HostKey ${key.path}\n") cfg.hostKeys}
    ${lib.optionalString (cfg.authorizedKeysFiles != [ ]) "AuthorizedKeysFile ${toString cfg.authorizedKeysFiles}"}
    ${lib.optionalString (cfg.authorizedKeysCommand != "none") ''
      AuthorizedKeysCommand ${cfg.authorizedKeysCommand}
      AuthorizedKeysCommandUser ${cfg.authorizedKeysCommandUser}
    ''}
    ${lib.optionalString cfg.allowSFTP "Subsystem sftp ${cfg.sftpServerExecutable} ${toString cfg.sftpFlags}"}
    ${lib.optionalString (cfg.banner != null) "Banner ${pkgs.writeText "sshd-banner" cfg.banner}"}
    AddressFamily ${if config.networking.enableIPv6 then "any" else "inet"}
    ${settingLines}
    ${cfg.extraConfig}
  '';

  keygen = lib.concatMapStrings (
    key:
    let
      path = lib.escapeShellArg key.path;
    in
    ''
      if ! [ -s ${path} ]; then
        rm -f ${path} ${path}.new ${path}.new.pub
        mkdir -p "$(dirname ${path})"
        chmod 0755 "$(dirname ${path})"
        ssh-keygen -q \
          -t ${lib.escapeShellArg key.type} \
          ${lib.optionalString (key ? bits) "-b ${toString key.bits}"} \
          ${lib.optionalString (key ? rounds) "-a ${toString key.rounds}"} \
          -C ${lib.escapeShellArg (key.comment or "root@${config.networking.hostName}")} \
          -f ${path}.new -N ""
        # A key is whole on the disk before it has its name.
        sync ${path}.new ${path}.new.pub
        mv ${path}.new.pub ${path}.pub
        mv ${path}.new ${path}
      fi
    ''
  ) cfg.hostKeys;

  daemonArguments = "-D ${lib.optionalString cfg.startWhenNeeded "-i "}-f /etc/ssh/sshd_config";

  common = {
    description = "SSH Daemon";
    after = [ "network.target" ] ++ lib.optional (!cfg.startWhenNeeded) "sshd-keygen.service";
    stopIfChanged = false;
  };

  algorithmList =
    default: description:
    mkOption {
      type = types.nullOr (types.listOf types.str);
      inherit default description;
    };
in
{
  imports = [
    (lib.mkAliasOptionModule [ "services" "sshd" "enable" ] [ "services" "openssh" "enable" ])
    (lib.mkRenamedOptionModule
      [ "services" "openssh" "permitRootLogin" ]
      [ "services" "openssh" "settings" "PermitRootLogin" ]
    )
    (lib.mkRenamedOptionModule
      [ "services" "openssh" "passwordAuthentication" ]
      [ "services" "openssh" "settings" "PasswordAuthentication" ]
    )
    (lib.mkRenamedOptionModule
      [ "services" "openssh" "kbdInteractiveAuthentication" ]
      [ "services" "openssh" "settings" "KbdInteractiveAuthentication" ]
    )
    (lib.mkRenamedOptionModule
      [ "services" "openssh" "forwardX11" ]
      [ "services" "openssh" "settings" "X11Forwarding" ]
    )
    (lib.mkRenamedOptionModule
      [ "services" "openssh" "gatewayPorts" ]
      [ "services" "openssh" "settings" "GatewayPorts" ]
    )
    (lib.mkRenamedOptionModule
      [ "services" "openssh" "useDns" ]
      [ "services" "openssh" "settings" "UseDns" ]
    )
    (lib.mkRenamedOptionModule
      [ "services" "openssh" "logLevel" ]
      [ "services" "openssh" "settings" "LogLevel" ]
    )
  ];

  options.services.openssh = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host answers on SSH.";
    };

    startWhenNeeded = mkOption {
      type = types.bool;
      default = false;
      description = "Whether systemd listens and starts a server for each connection.";
    };

    allowSFTP = mkOption {
      type = types.bool;
      default = true;
      description = "Whether files can be copied by SFTP.";
    };

    sftpServerExecutable = mkOption {
      type = types.str;
      default = "/usr/lib/openssh/sftp-server";
      example = "internal-sftp";
      description = "The program that serves SFTP.";
    };

    sftpFlags = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "-f AUTHPRIV" ];
      description = "Arguments of the program that serves SFTP.";
    };

    ports = mkOption {
      type = types.listOf types.port;
      default = [ 22 ];
      description = "The ports that the server listens on.";
    };

    openFirewall = mkOption {
      type = types.bool;
      default = true;
      description = "Whether {option}`services.openssh.ports` are open in the firewall.";
    };

    listenAddresses = mkOption {
      type = types.listOf (
        types.submodule {
          options = {
            addr = mkOption {
              type = types.str;
              description = "The address or host name.";
            };
            port = mkOption {
              type = types.nullOr types.port;
              default = null;
              description = "The port; null for {option}`services.openssh.ports`.";
            };
          };
        }
      );
      default = [ ];
      description = "The addresses that the server listens on; empty for all.";
    };

    hostKeys = mkOption {
      type = types.listOf types.attrs;
      default = [
        {
          type = "rsa";
          bits = 4096;
          path = "/etc/ssh/ssh_host_rsa_key";
        }
        {
          type = "ed25519";
          path = "/etc/ssh/ssh_host_ed25519_key";
        }
      ];
      description = "The host's keys. One that is not there is made when the server first starts.";
    };

    generateHostKeys = mkOption {
      type = types.bool;
      default = true;
      description = "Whether missing host keys are made.";
    };

    banner = mkOption {
      type = types.nullOr types.lines;
      default = null;
      description = "What everyone is shown before they log in.";
    };

    authorizedKeysFiles = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Files with keys that let a user in, besides those that the configuration makes.";
    };

    authorizedKeysInHomedir = mkOption {
      type = types.bool;
      default = true;
      description = "Whether users may keep keys in `~/.ssh/authorized_keys`.";
    };

    authorizedKeysCommand = mkOption {
      type = types.str;
      default = "none";
      description = "A program that prints keys that let a user in.";
    };

    authorizedKeysCommandUser = mkOption {
      type = types.str;
      default = "nobody";
      description = "The user that {option}`services.openssh.authorizedKeysCommand` runs as.";
    };

    settings = mkOption {
      default = { };
      example = {
        UseDns = true;
        PasswordAuthentication = false;
      };
      description = "Settings of {manpage}`sshd_config(5)`.";
      type = types.submodule {
        freeformType = types.attrsOf (
          types.nullOr (
            types.oneOf [
              types.bool
              types.int
              types.str
              (types.listOf (types.either types.str types.int))
            ]
          )
        );
        options = {
          AuthorizedPrincipalsFile = mkOption {
            type = types.nullOr types.str;
            default = "none";
            description = "A file with names that a certificate may be for.";
          };
          LogLevel = mkOption {
            type = types.nullOr (
              types.enum [
                "QUIET"
                "FATAL"
                "ERROR"
                "INFO"
                "VERBOSE"
                "DEBUG"
                "DEBUG1"
                "DEBUG2"
                "DEBUG3"
              ]
            );
            default = "INFO";
            description = "What is logged.";
          };
          UsePAM = mkOption {
            type = types.nullOr types.bool;
            default = true;
            description = "Whether PAM has a say in who may log in.";
          };
          UseDns = mkOption {
            type = types.nullOr types.bool;
            default = false;
            description = "Whether the client's name is looked up.";
          };
          X11Forwarding = mkOption {
            type = types.nullOr types.bool;
            default = false;
            description = "Whether X11 connections are passed on.";
          };
          PasswordAuthentication = mkOption {
            type = types.nullOr types.bool;
            default = true;
            description = "Whether a password lets in.";
          };
          PermitRootLogin = mkOption {
            type = types.nullOr (
              types.enum [
                "yes"
                "without-password"
                "prohibit-password"
                "forced-commands-only"
                "no"
              ]
            );
            default = "prohibit-password";
            description = "Whether and how root may log in.";
          };
          KbdInteractiveAuthentication = mkOption {
            type = types.nullOr types.bool;
            default = true;
            description = "Whether a user may be asked questions, a password for instance.";
          };
          GatewayPorts = mkOption {
            type = types.nullOr types.str;
            default = "no";
            description = "Whether others may connect to forwarded ports.";
          };
          KexAlgorithms = algorithmList [
            "mlkem768x25519-sha256"
            "sntrup761x25519-sha512"
            "sntrup761x25519-sha512@openssh.com"
            "curve25519-sha256"
            "curve25519-sha256@libssh.org"
            "diffie-hellman-group-exchange-sha256"
          ] "Key exchange methods.";
          Macs = algorithmList [
            "hmac-sha2-512-etm@openssh.com"
            "hmac-sha2-256-etm@openssh.com"
            "umac-128-etm@openssh.com"
          ] "Message authentication codes.";
          StrictModes = mkOption {
            type = types.nullOr types.bool;
            default = true;
            description = "Whether files of keys that others may write are not used.";
          };
          Ciphers = algorithmList [
            "chacha20-poly1305@openssh.com"
            "aes256-gcm@openssh.com"
            "aes128-gcm@openssh.com"
            "aes256-ctr"
            "aes192-ctr"
            "aes128-ctr"
          ] "Ciphers.";
          AllowUsers = mkOption {
            type = types.nullOr (types.listOf types.str);
            default = null;
            description = "The only users who may log in.";
          };
          DenyUsers = mkOption {
            type = types.nullOr (types.listOf types.str);
            default = null;
            description = "Users who may not log in.";
          };
          AllowGroups = mkOption {
            type = types.nullOr (types.listOf types.str);
            default = null;
            description = "The only groups whose users may log in.";
          };
          DenyGroups = mkOption {
            type = types.nullOr (types.listOf types.str);
            default = null;
            description = "Groups whose users may not log in.";
          };
          PrintMotd = mkOption {
            type = types.nullOr types.bool;
            default = false;
            description = "Whether the server shows /etc/motd; PAM does it otherwise.";
          };
        };
      };
    };

    extraConfig = mkOption {
      type = types.lines;
      default = "";
      description = "Further lines at the end of sshd_config, `Match` blocks for instance.";
    };

    moduliFile = mkOption {
      type = types.path;
      default = "${pkgs.debs.openssh-server}/etc/ssh/moduli";
      defaultText = lib.literalMD "Debian's";
      description = "Primes for the key exchange by Diffie-Hellman groups.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [
      "openssh-server"
      "openssh-sftp-server"
    ];

    users.users.sshd = {
      isSystemUser = true;
      group = "nogroup";
      description = "SSH privilege separation user";
      home = "/run/sshd";
    };
    users.groups._ssh = { };

    services.openssh.authorizedKeysFiles =
      lib.optional cfg.authorizedKeysInHomedir "%h/.ssh/authorized_keys"
      ++ [ "/etc/ssh/authorized_keys.d/%u" ];

    environment.etc = {
      "ssh/sshd_config".text = sshdConfig;
      "ssh/moduli".source = cfg.moduliFile;
    };

    systemd = {
      # It would let the machine that a virtual one runs on in by a socket of the
      # kernel, and fails where there is none.
      generators.systemd-ssh-generator = "/dev/null";

      services =
        lib.optionalAttrs cfg.generateHostKeys {
          sshd-keygen = {
            description = "SSH Host Keys Generation";
            before = [
              "shutdown.target"
              "sshd.service"
            ];
            wantedBy = [ "multi-user.target" ];
            # Large RSA keys take long; nothing but the disk has to be there to begin.
            after = [ "local-fs.target" ];
            conflicts = [ "shutdown.target" ];
            unitConfig = {
              DefaultDependencies = false;
              ConditionFileNotEmpty = map (key: "|!${key.path}") cfg.hostKeys;
            };
            serviceConfig.Type = "oneshot";
            script = keygen;
          };
        }
        // (
          if cfg.startWhenNeeded then
            {
              "sshd@" = common // {
                description = "SSH per-connection Daemon";
                after = [ "network.target" "sshd-keygen.service" ];
                wants = [ "sshd-keygen.service" ];
                serviceConfig = {
                  ExecStart = "-/usr/sbin/sshd ${daemonArguments}";
                  KillMode = "process";
                  StandardInput = "socket";
                  StandardError = "journal";
                  RuntimeDirectory = "sshd";
                  RuntimeDirectoryMode = "0755";
                  RuntimeDirectoryPreserve = true;
                };
              };
            }
          else
            {
              sshd = common // {
                wants = [ "sshd-keygen.service" ];
                wantedBy = [ "multi-user.target" ];
                aliases = [ "ssh.service" ];
                restartTriggers = [ config.environment.etc."ssh/sshd_config".source ];
                serviceConfig = {
                  Type = "notify";
                  Restart = "always";
                  ExecStartPre = "/usr/sbin/sshd -t -f /etc/ssh/sshd_config";
                  ExecStart = "/usr/sbin/sshd ${daemonArguments}";
                  ExecReload = [
                    "/usr/sbin/sshd -t -f /etc/ssh/sshd_config"
                    "/bin/kill -HUP $MAINPID"
                  ];
                  KillMode = "process";
                  # The directory that the unprivileged part of the server is shut into.
                  RuntimeDirectory = "sshd";
                  RuntimeDirectoryMode = "0755";
                };
              };
            }
        );

      sockets = lib.optionalAttrs cfg.startWhenNeeded {
        sshd = {
          description = "SSH Socket";
          wantedBy = [ "sockets.target" ];
          aliases = [ "ssh.socket" ];
          socketConfig = {
            ListenStream =
              if cfg.listenAddresses != [ ] then
                lib.concatMap (
                  address:
                  map (port: "${if lib.hasInfix ":" address.addr then "[${address.addr}]" else address.addr}:${toString port}") (
                    if address.port != null then [ address.port ] else cfg.ports
                  )
                ) cfg.listenAddresses
              else
                map toString cfg.ports;
            Accept = true;
            # Each connection is an instance of its own; a limit would keep people out.
            TriggerLimitIntervalSec = 0;
          };
        };
      };
    };

    networking.firewall.allowedTCPPorts = lib.optionals cfg.openFirewall cfg.ports;

    security.pam.services.sshd = {
      startSession = true;
      showMotd = true;
      unixAuth = cfg.settings.PasswordAuthentication == true || cfg.settings.KbdInteractiveAuthentication == true;
    };

    assertions = lib.optional (!cfg.generateHostKeys) {
      assertion = cfg.hostKeys != [ ];
      message = "services.openssh.hostKeys is empty and services.openssh.generateHostKeys is false: the server would have no key.";
    };
  };
}
