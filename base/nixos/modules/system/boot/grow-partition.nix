# The root partition grows to the end of its disk.
{ config, lib, ... }:

{
  options.boot.growPartition = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = "Whether the partition of the root file system takes up the free space behind it when the host boots.";
  };

  config = lib.mkIf config.boot.growPartition {
    environment.debianPackages = [ "systemd-repart" ];

    # An existing partition of this type is grown, never made or moved (repart.d(5)).
    environment.etc."repart.d/50-root.conf".text = ''
      [Partition]
      Type=root
    '';

    systemd.services.systemd-repart = {
      overrideStrategy = "asDropin";
      wantedBy = [ "sysinit.target" ];
      before = [ "systemd-growfs-root.service" ];
      # A disk without a partition of its own for root is left alone.
      serviceConfig.SuccessExitStatus = [ "76" "77" ];
    };
  };
}
