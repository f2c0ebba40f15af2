# The SSH keys of root that a machine is given from outside (the credential `ssh.authorized_keys.root`, systemd.system-credentials(7)).
# systemd-tmpfiles writes them once, to a file that is empty for good if the power goes away before it has reached the disk.
{ config, lib, ... }:

let
  credential = "ssh.authorized_keys.root";
in
{
  config = lib.mkIf config.services.openssh.enable {
    systemd.services.provisioned-ssh-keys = {
      description = "SSH Keys of root that the Machine is Given";
      wantedBy = [ "multi-user.target" ];
      before = [
        "sshd.service"
        "sshd.socket"
        "shutdown.target"
      ];
      after = [ "systemd-tmpfiles-setup.service" ];
      conflicts = [ "shutdown.target" ];
      unitConfig = {
        DefaultDependencies = false;
        ConditionCredential = credential;
      };
      serviceConfig = {
        Type = "oneshot";
        LoadCredential = credential;
        UMask = "0077";
      };
      script = ''
        mkdir -p /root/.ssh && cd /root/.ssh
        if ! [ -s authorized_keys ]; then
          cp "$CREDENTIALS_DIRECTORY/${credential}" authorized_keys.new
          chmod 0600 authorized_keys.new
          sync authorized_keys.new
          mv authorized_keys.new authorized_keys
        fi
        sync authorized_keys .
      '';
    };
  };
}
