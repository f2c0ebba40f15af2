# rpcbind: where services of Sun's remote procedure calls are found, NFS among them.
{ config, lib, ... }:

{
  options.services.rpcbind.enable = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = "Whether clients are told where services of remote procedure calls are.";
  };

  config = lib.mkIf config.services.rpcbind.enable {
    environment.debianPackages = [ "rpcbind" ];

    # Debian's maintainer script makes it.
    users.users._rpc = {
      isSystemUser = true;
      group = "nogroup";
      home = "/run/rpcbind";
      description = "RPC bind portmap";
    };
    systemd.services.rpcbind = {
      overrideStrategy = "asDropin";
      wantedBy = [ "multi-user.target" ];
    };
    systemd.sockets.rpcbind = {
      overrideStrategy = "asDropin";
      wantedBy = [ "sockets.target" ];
    };
  };
}
