# The cluster's first server. The others join it by `serverAddr`.
{
  services.k3s = {
    enable = true;
    role = "server";
    clusterInit = true;
    extraFlags = "--disable traefik";
    # Put there by hand, or by whatever brings secrets to your hosts.
    tokenFile = "/var/lib/secrets/k3s-token";
  };

  # The disk on the board's SATA port. A node without it starts all the same.
  fileSystems."/var/lib/longhorn" = {
    device = "/dev/disk/by-label/longhorn";
    fsType = "ext4";
    options = [
      "noatime"
      "nofail"
      "x-systemd.device-timeout=30s"
    ];
  };
}
