# enter.sh DIRECTORY ADDRESS PORT HOST-KEY: becomes a host in the namespaces that
# it was started in: a store, a /run and a /var/lib of its own, and a server for
# SSH. All else is this machine's.
set -e
directory=$1
mkdir -p /nix
mount --bind "$directory/nix" /nix
mount --bind "$directory/lib" /var/lib
mount --bind "$directory/run" /run
mount --bind "$directory/boot_id" /proc/sys/kernel/random/boot_id
exec /usr/sbin/sshd -D -e -f /dev/null -p "$3" \
  -o ListenAddress="$2" -o HostKey="$4" -o AuthorizedKeysFile=/run/authorized_keys \
  -o PidFile=none -o UsePAM=no -o StrictModes=no -o PermitRootLogin=prohibit-password \
  -o PasswordAuthentication=no -o LogLevel=ERROR \
  -o SetEnv="PATH=/run/wrappers/bin:/usr/sbin:/usr/bin:/sbin:/bin NIX_REMOTE=local NIX_CONF_DIR=$directory/etc HOME=$directory/home"
