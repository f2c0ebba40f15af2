#!/bin/sh
# first-stage.sh PLACE SYSTEM ADDRESS
#
# PLACE/disk is what the host's disk holds at first, PLACE/root what is written since, but for /nix, which is the disk's.
# What a kernel, an initrd and firmware give a host, given by namespaces that are new and belong to nobody else: devices,
# the kernel's file systems, /usr, a network of one wire. Then the host's own second stage runs.
set -eu
place=$1
system=$2
address=$3

# The wire is plugged in from outside.
read -r _

# A mount that is the namespaces' own, as systemd sets its options again.
mkdir -p "$place/root" "$place/work" "$place/mounted"
mount -t overlay -o "userxattr,lowerdir=$place/disk,upperdir=$place/root,workdir=$place/work" overlay "$place/mounted"
cd "$place/mounted"
for directory in bin lib sbin lib64; do
    [ -L $directory ] || ln -s usr/$directory $directory
done
mkdir -p boot dev etc home mnt nix proc root run sys tmp usr var
mount --bind "$place/disk/nix" nix
# Where a loader would look for its menu.
mount --bind boot boot

mount -t proc -o nosuid,noexec,nodev proc proc
# What is not of one namespace is not for a host that is not the machine: root here is root there, by its number.
mount --rbind proc/sys proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,ro proc/sys
for path in sysrq-trigger irq bus acpi; do
    [ -e proc/$path ] || continue
    mount --bind proc/$path proc/$path
    mount -o remount,bind,ro proc/$path
done
mount -t sysfs -o ro,nosuid,noexec,nodev sysfs sys
mount -t cgroup2 -o nosuid,noexec,nodev cgroup2 sys/fs/cgroup

mount -t tmpfs -o nosuid,mode=0755 tmpfs dev
for node in null zero full random urandom tty; do
    : > dev/$node
    mount --bind /dev/$node dev/$node
done
mkdir dev/pts
mount -t devpts -o newinstance,nosuid,noexec,mode=0620,ptmxmode=0666,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr

mount -t tmpfs -o nosuid,nodev,mode=0755 tmpfs run
mkdir run/host
# systemd's CONTAINER_INTERFACE: what is the machine's is left alone.
echo namespaces > run/host/container-manager

ip link set lo up
ip address add "$address" dev wire0
ip link set wire0 up

usr=$(readlink ".$system/usr")
mount --bind ".$usr" usr
mount -o remount,bind,ro,nodev usr

mkdir run/machine
pivot_root . run/machine
umount -l /run/machine
rmdir /run/machine
exec < /dev/null
# What is the machine's own is mounted by nobody who may not touch its ports.
exec setpriv --bounding-set -sys_rawio,-sys_module,-mknod,-syslog "$system/init"
