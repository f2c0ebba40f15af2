# A server of NFS.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.nfs.server;
  nfs = config.services.nfs;

  port =
    what:
    mkOption {
      type = types.nullOr types.int;
      default = null;
      description = "The port of ${what}; any if null.";
    };
in
{
  options.services.nfs = {
    settings = mkOption {
      type = types.attrsOf (
        types.attrsOf (
          types.oneOf [
            types.bool
            types.int
            types.str
          ]
        )
      );
      default = { };
      example = {
        mountd.manage-gids = true;
      };
      description = "Settings of {manpage}`nfs.conf(5)`, by section.";
    };

    server = {
      enable = mkOption {
        type = types.bool;
        default = false;
        description = "Whether other hosts may mount directories of this one.";
      };
      createMountPoints = mkOption {
        type = types.bool;
        default = false;
        description = "Whether directories that are shared are made.";
      };
      exports = mkOption {
        type = types.lines;
        default = "";
        example = "/export 192.168.1.0/24(rw,fsid=0,no_subtree_check)";
        description = "Directories and who may mount them; see {manpage}`exports(5)`.";
      };
      hostName = mkOption {
        type = types.nullOr types.str;
        default = null;
        description = "The name or address that is listened on; all if null.";
      };
      nproc = mkOption {
        type = types.int;
        default = 8;
        description = "How many requests are served at once.";
      };
      lockdPort = port "the lock manager";
      mountdPort = port "mountd";
      statdPort = port "statd";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [ "nfs-kernel-server" ];
    services.rpcbind.enable = true;
    boot.supportedFilesystems.nfs = true;

    users.users.statd = {
      isSystemUser = true;
      group = "nogroup";
      home = "/var/lib/nfs";
      description = "NFS lock state daemon";
    };

    services.nfs.settings = {
      nfsd = {
        threads = cfg.nproc;
      }
      // lib.optionalAttrs (cfg.hostName != null) { host = cfg.hostName; };
      mountd = lib.mkIf (cfg.mountdPort != null) { port = cfg.mountdPort; };
      statd = lib.mkIf (cfg.statdPort != null) { port = cfg.statdPort; };
      lockd = lib.mkIf (cfg.lockdPort != null) {
        port = cfg.lockdPort;
        udp-port = cfg.lockdPort;
      };
    };

    environment.etc = {
      exports.text = cfg.exports + "\n";
      "nfs.conf".text = lib.generators.toINI { } nfs.settings;
    };

    systemd.tmpfiles.rules = [
      "d /var/lib/nfs 0755 statd nogroup -"
      "d /var/lib/nfs/sm 0700 statd nogroup -"
      "d /var/lib/nfs/sm.bak 0700 statd nogroup -"
      "d /var/lib/nfs/v4recovery 0755 root root -"
      "f /var/lib/nfs/etab 0644 root root -"
      "f /var/lib/nfs/rmtab 0644 root root -"
    ];

    systemd.services.nfs-server = {
      overrideStrategy = "asDropin";
      wantedBy = [ "multi-user.target" ];
      restartTriggers = [ config.environment.etc.exports.source ];
      preStart = lib.optionalString cfg.createMountPoints ''
        # The first field of a line is the directory.
        sed -e '/^#.*/d' -e '/^$/d' /etc/exports | while read -r directory _; do
          mkdir -p "$directory"
        done
        # Debian's unit has exported what was there.
        /usr/sbin/exportfs -r
      '';
    };
  };
}
