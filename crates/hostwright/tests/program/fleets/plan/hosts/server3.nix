# `config` is used, and not asked for.
{ ... }:
{
  networking.hostName = "server3";
  services.k3s = {
    enable = true;
    role = "server";
    clusterInit = true;
    extraFlags = "--disable traefik";
  };
  sops.secrets.cluster_token = {
    sopsFile = ../secrets/secrets.yaml;
  };
  services.k3s.tokenFile = config.sops.secrets.cluster_token.path;
}
