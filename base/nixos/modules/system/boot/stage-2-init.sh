#!/bin/sh
# The second stage of the boot. The marks between at signs are filled in by stage-2.nix.

# The generation is where this script lies.
system=$(readlink -f "$(dirname "$0")")
export PATH=/usr/sbin:/usr/bin

echo "stage-2: starting $system"

# The root file system may have come up read-only, from a loader's command line.
mount -o remount,rw /

mkdir -p /run
[ -d /proc/self ] || mount -t proc -o nosuid,noexec,nodev proc /proc
[ -d /sys/kernel ] || mount -t sysfs -o nosuid,noexec,nodev sysfs /sys
[ -e /dev/null ] || mount -t devtmpfs -o nosuid,mode=0755 devtmpfs /dev
mountpoint -q /run || mount -t tmpfs -o nosuid,nodev,mode=0755 tmpfs /run

# Nobody writes to the store but through a mount of his own.
if ! mountpoint -q /nix/store; then
    mount --bind /nix/store /nix/store
fi
mount -o remount,bind,@nixStoreMountOptions@ /nix/store

ln -sfn "$system" /run/booted-system
"$system/activate"

@postBootCommands@

# What is a leftover of this script must not reach the services.
echo "stage-2: starting systemd"
exec env -i PATH=/usr/sbin:/usr/bin /usr/lib/systemd/systemd "$@"
