# The next boot of the machine without its firmware: the kernel that runs starts another
# one (kexec_file_load(2)). Whatever becomes of that one, the boot after it is the
# firmware's and the boot loader's own.
package Kexec;
use strict;
use warnings;
use POSIX ();

# asm/unistd.h: x86-64 has numbers of its own, later architectures have the same.
my $kexec_file_load = (POSIX::uname())[4] eq "x86_64" ? 320 : 294;
# linux/kexec.h
use constant { UNLOAD => 1, NO_INITRD => 4 };

sub load {
    my ($system, $parameters) = @_;
    open my $kernel, "<:raw", "$system/kernel" or die "cannot read $system/kernel: $!\n";
    open my $initrd, "<:raw", "$system/initrd" or die "cannot read $system/initrd: $!\n";
    my $line = "$parameters\0";
    return if syscall($kexec_file_load, fileno $kernel, fileno $initrd, length $line, $line, 0) == 0;
    my $reason = $!;
    die "this machine cannot boot a generation once: its boot loader keeps nothing for a single boot, and the kernel that"
        . " runs cannot start another one ($reason). Use switch-to-configuration boot.\n";
}

sub is_loaded {
    open my $file, "<", "/sys/kernel/kexec_loaded" or return 0;
    my $state = <$file> // "";
    close $file;
    return $state =~ /^1/;
}

sub unload {
    my $none = "";
    syscall($kexec_file_load, -1, -1, 0, $none, UNLOAD | NO_INITRD) if is_loaded();
}

1;
