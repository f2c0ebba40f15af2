# /usr of another generation, in place of the one that is there.
package Usr;
use strict;
use warnings;

# System calls of the new mount interface, whose numbers are the same on all
# architectures, and their flags: linux/mount.h, linux/fcntl.h.
use constant {
    OPEN_TREE => 428,
    MOVE_MOUNT => 429,
    MOUNT_SETATTR => 442,
    AT_FDCWD => -100,
    AT_EMPTY_PATH => 0x1000,
    OPEN_TREE_CLONE => 1,
    OPEN_TREE_CLOEXEC => 02000000,
    MOVE_MOUNT_FROM_EMPTY_PATH => 0x4,
    MOVE_MOUNT_BENEATH => 0x200,
    READ_ONLY_WITHOUT_DEVICES => 0x1 | 0x4,
    PRIVATE => 1 << 18,
};

sub identity { return join ":", (stat $_[0])[0, 1] }

# The tree is made ready apart from everything, read-only, and put below the mount
# that is in the way, which is then taken off: whoever looks up a path below /usr
# finds the old tree or the new one, and an interruption leaves one of them. Programs
# that run keep the files they have open. It is private, as what is mounted over a peer of
# the root file system would also cover the tree in the store.
sub put_in_place {
    my ($tree) = @_;
    return if identity($tree) eq identity("/usr");
    # A constant string cannot be handed to a system call that may write to it.
    my ($from, $empty, $usr) = ($tree, "", "/usr");
    my $attributes = pack "Q4", READ_ONLY_WITHOUT_DEVICES, 0, PRIVATE, 0;
    my $mount_of = sub {
        my $mount = syscall(OPEN_TREE, AT_FDCWD, $from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        die "cannot make a mount of $tree: $!\n" if $mount < 0;
        syscall(MOUNT_SETATTR, $mount, $empty, AT_EMPTY_PATH, $attributes, length $attributes) == 0
            or die "cannot make $tree read-only: $!\n";
        return $mount;
    };
    my $mount = $mount_of->();
    my $beneath = is_mount_point("/usr")
        && syscall(MOVE_MOUNT, $mount, $empty, AT_FDCWD, $usr, MOVE_MOUNT_FROM_EMPTY_PATH | MOVE_MOUNT_BENEATH) == 0;
    if ($beneath) {
        system("umount", "--lazy", "/usr") == 0 or die "cannot take the old /usr off\n";
        return if identity($tree) eq identity("/usr");
    }
    # Kernels before 6.5 put a mount on top only.
    $mount = $mount_of->() if $beneath;
    syscall(MOVE_MOUNT, $mount, $empty, AT_FDCWD, $usr, MOVE_MOUNT_FROM_EMPTY_PATH) == 0
        or die "cannot put $tree in place: $!\n";
}

sub is_mount_point {
    my ($path) = @_;
    open my $mounts, "<", "/proc/self/mountinfo" or return 0;
    my $found = grep { (split)[4] eq $path } <$mounts>;
    close $mounts;
    return $found;
}

1;
