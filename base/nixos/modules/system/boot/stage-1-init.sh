#!/bin/sh
# The first stage of the boot. The marks between at signs are filled in by stage-1.nix.

export PATH=/bin
target=/mnt-root

tell() {
    echo "stage-1: $*"
}

# The console is the only place where anybody can learn of it.
fail() {
    tell "$*"
    @preFailCommands@
    if [ -n "$shell_on_fail" ]; then
        tell "starting a shell; leave it to try again"
        sh
        return
    fi
    tell "the host restarts in 30 seconds; with boot.shell_on_fail on the kernel's command line there is a shell"
    sleep 30
    reboot -f
}

mkdir -p /proc /sys /dev /run /tmp $target
mount -t proc -o nosuid,noexec,nodev proc /proc
mount -t sysfs -o nosuid,noexec,nodev sysfs /sys
mount -t devtmpfs -o nosuid,mode=0755 devtmpfs /dev
mount -t tmpfs -o nosuid,nodev,mode=0755 tmpfs /run
mkdir -p /dev/pts
mount -t devpts -o nosuid,noexec,mode=0620,ptmxmode=0666,gid=5 devpts /dev/pts

init=
shell_on_fail=
for parameter in $(cat /proc/cmdline); do
    case $parameter in
        init=*) init=${parameter#init=} ;;
        boot.shell_on_fail) shell_on_fail=1 ;;
        boot.trace | boot.debugtrace) set -x ;;
    esac
done

@preDeviceCommands@

# The list is in an order in which each module finds what it needs loaded.
# Modules for hardware that is not there refuse to load, which is no error.
modules=/lib/modules/$(uname -r)
tell "loading kernel modules"
if [ -e "$modules/load-order" ]; then
    while read -r module; do
        insmod "$modules/$module" 2>/dev/null
    done < "$modules/load-order"
fi

@preLVMCommands@
@postDeviceCommands@
@postResumeCommands@

# Prints the device node that has the partition property $1 with the value $2.
find_partition() {
    for event in /sys/class/block/*/uevent; do
        if grep -qixF "$1=$2" "$event"; then
            echo "/dev/$(sed -n 's/^DEVNAME=//p' "$event")"
            return 0
        fi
    done
    return 1
}

# Prints the device node that a name of fstab stands for.
find_device() {
    case $1 in
        /dev/disk/by-label/*) findfs "LABEL=$(echo "${1#/dev/disk/by-label/}" | sed 's/\\x20/ /g')" ;;
        /dev/disk/by-uuid/*) findfs "UUID=${1#/dev/disk/by-uuid/}" ;;
        /dev/disk/by-partlabel/*) find_partition PARTNAME "${1#/dev/disk/by-partlabel/}" ;;
        /dev/disk/by-partuuid/*) find_partition PARTUUID "${1#/dev/disk/by-partuuid/}" ;;
        LABEL=* | UUID=*) findfs "$1" ;;
        PARTLABEL=*) find_partition PARTNAME "${1#PARTLABEL=}" ;;
        PARTUUID=*) find_partition PARTUUID "${1#PARTUUID=}" ;;
        /dev/*) [ -b "$1" ] && echo "$1" ;;
        *) echo "$1" ;;
    esac 2>/dev/null
}

# Disks appear some time after their controller's module is loaded.
wait_for_device() {
    tries=0
    while [ $tries -lt $((@rootWait@ * 5)) ]; do
        device=$(find_device "$1") && [ -n "$device" ] && return 0
        [ $tries = 5 ] && tell "waiting for $1"
        tries=$((tries + 1))
        sleep 0.2
    done
    return 1
}

check_file_system() {
    case $(blkid "$1" | sed -n 's/.* TYPE="\([^"]*\)".*/\1/p') in
        ext2 | ext3 | ext4) ;;
        *) return 0 ;;
    esac
    [ -x /bin/e2fsck ] || return 0
    # e2fsck(8): 1 is repaired, 2 wants a restart, from 4 on errors are left.
    e2fsck -p "$1"
    status=$?
    [ $status -lt 4 ] && return 0
    tell "the file system on $1 has errors that need a person: e2fsck $1 (status $status)"
    return 1
}

# mount_file_system DEVICE PLACE TYPE OPTIONS check|nocheck
mount_file_system() {
    place=$2
    type=$3
    options=$4
    case $type in
        tmpfs | ramfs | overlay | none | 9p | virtiofs | nfs | nfs4) device=$1 ;;
        *)
            while :; do
                case ",$options," in
                    *,bind,* | *,rbind,*) device=$target$1; break ;;
                esac
                wait_for_device "$1" && break
                fail "the device $1 for $place did not appear"
            done
            case ",$options," in
                *,bind,* | *,rbind,*) ;;
                *)
                    if [ "$5" = check ]; then
                        check_file_system "$device" || fail "$place is not mounted"
                    fi
                    ;;
            esac
            ;;
    esac
    mkdir -p "$target$place"
    if [ "$type" = auto ]; then
        set -- "$device" "$target$place"
    else
        set -- -t "$type" "$device" "$target$place"
    fi
    [ -n "$options" ] && set -- -o "$options" "$@"
    while ! mount "$@"; do
        fail "cannot mount $device on $place"
    done
}

@mountFileSystems@

# Follows links from the root of the target, where an absolute one starts.
resolve() {
    path=$1
    while [ -L "$target$path" ]; do
        link=$(readlink "$target$path")
        case $link in
            /*) path=$link ;;
            *) path=${path%/*}/$link ;;
        esac
    done
    echo "$path"
}

# Without init= (a boot by hand) the system that was set last.
[ -n "$init" ] || init=/nix/var/nix/profiles/system/init
system=$(resolve "${init%/init}")
while [ ! -e "$target$system/init" ]; do
    fail "there is no system at ${init%/init} on the root file system"
    system=$(resolve "${init%/init}")
done

# A root file system needs nothing but /nix: the rest is made here.
for directory in bin lib sbin; do
    [ -e "$target/$directory" ] || [ -L "$target/$directory" ] || ln -s "usr/$directory" "$target/$directory"
done
usr=$(resolve "$system/usr")
if [ -e "$target$usr/lib64" ] && [ ! -L "$target/lib64" ]; then
    ln -s usr/lib64 "$target/lib64"
fi
mkdir -p "$target/dev" "$target/etc" "$target/home" "$target/proc" "$target/root" "$target/run" \
    "$target/sys" "$target/tmp" "$target/usr" "$target/var"

mount -o bind "$target$usr" "$target/usr" || fail "cannot put $usr in place"
mount -o remount,bind,ro,nodev "$target/usr"

@postMountCommands@

tell "starting $system"
for directory in dev proc run sys; do
    mount -o move "/$directory" "$target/$directory"
done
exec switch_root "$target" "$system/init"
