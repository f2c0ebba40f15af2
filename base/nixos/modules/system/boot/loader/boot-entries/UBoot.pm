# U-Boot of a Raspberry Pi boots something else once: a file of the firmware's partition is its environment, and without
# the file it has its own (env/fat.c, doc/usage/environment.rst). It takes the file away before it boots what the file
# names, so whatever becomes of that, the boot after it is the menu's.
package UBoot;
use strict;
use warnings;
use BootFiles;
use Cwd qw(abs_path);

my $name = "uboot.env";
# CONFIG_ENV_SIZE of rpi_3, rpi_4 and rpi_arm64.
my $size = 0x4000;
my $mount_point = "/run/nixos/firmware";
# By which our own file is known.
my $mark = "nixos.trial=";

# The card's device, the number of the partition that $boot lies on, and the way to $boot there; undef if no such U-Boot
# has started this machine.
sub of_board {
    my ($boot) = @_;
    my $compatible = BootFiles::read_text("/proc/device-tree/compatible") // return undef;
    return undef unless $compatible =~ /(?:^|\0)raspberrypi,/;
    my ($source) = mount_of($boot, "SOURCE") =~ /^([^\[]+)/ or return undef;
    # U-Boot's first card is Linux's: both go by the aliases of the device tree.
    my ($card, $number) = (abs_path($source) // "") =~ m{^(/dev/mmcblk0)p(\d+)$} or return undef;
    my $target = mount_of($boot, "TARGET");
    my $path = $target eq "/" ? $boot : substr $boot, length $target;
    my $self = bless { firmware => "${card}p1", number => $number, path => $path }, "UBoot";
    # What cannot be read is nothing to boot by.
    return eval { local $SIG{__DIE__}; $self->with_firmware(\&takes_an_environment) } ? $self : undef;
}

# Whether each U-Boot there can read such a file and take it away, and nobody else has one.
sub takes_an_environment {
    my $old = BootFiles::read_text("$mount_point/$name");
    return 0 if defined $old && index($old, $mark) < 0;
    my @programs = map { BootFiles::read_file("$mount_point/$_") } grep { /^u-boot.*\.bin$/ } BootFiles::names_in($mount_point);
    return @programs && !grep { index($_, $name) < 0 || index($_, "fatrm") < 0 } @programs;
}

sub mount_of {
    my ($path, $column) = @_;
    open my $findmnt, "-|", "findmnt", "--noheadings", "--output", $column, "--target", $path or return "";
    my $found = <$findmnt> // "";
    close $findmnt;
    chomp $found;
    return $found;
}

# The firmware's partition is not in use while a host runs, and stays so.
sub with_firmware {
    my ($self, $work) = @_;
    BootFiles::make_directories($mount_point);
    system("umount", "--quiet", $mount_point);
    system("mount", "-t", "vfat", "-o", "umask=0077", $self->{firmware}, $mount_point) == 0
        or die "cannot mount $self->{firmware}, where the board's firmware lies\n";
    my $result = eval { local $SIG{__DIE__}; $work->() };
    my $reason = $@;
    system("umount", $mount_point) == 0 or die "cannot unmount $mount_point\n";
    die $reason if $reason ne "";
    return $result;
}

# What U-Boot does with the files of an entry, which are named as they lie below /boot.
sub set_once {
    my ($self, $files, $parameters) = @_;
    my $load = sub { "load mmc 0:$self->{number} \${$_[0]} $self->{path}/$_[1]" };
    my $tree = $files->{tree} // ($files->{trees} && "$files->{trees}/\${fdtfile}");
    my $own_tree = "setenv fdt_addr_r \${fdt_addr}";
    my $find_tree = defined $tree ? $load->("fdt_addr_r", $tree) . " || $own_tree" : $own_tree;
    my $fetch = join " && ", "fatrm mmc 0:1 $name", $load->("kernel_addr_r", $files->{kernel}), $load->("ramdisk_addr_r", $files->{initrd});
    my $commands = join "; ", "env default kernel_addr_r ramdisk_addr_r fdt_addr_r fdt_high initrd_high",
        "if $fetch", "then setenv trial_initrd \${ramdisk_addr_r}:\${filesize}", $find_tree,
        "booti \${kernel_addr_r} \${trial_initrd} \${fdt_addr_r}", "fi",
        # What did not work ends in the menu.
        "env default boot_targets scriptaddr pxefile_addr_r", "bootflow scan";
    my $environment = join "", map { "$_\0" } "bootargs=$parameters", "bootcmd=$commands", "stdout=serial,vidconsole", "stderr=serial,vidconsole";
    die "the kernel's parameters are too long for U-Boot\n" if 4 + length($environment) >= $size;
    $environment .= "\0" x ($size - 4 - length $environment);
    $self->with_firmware(sub { BootFiles::write_file("$mount_point/$name", pack("V", crc32($environment)) . $environment) });
}

sub unset_once {
    my ($self) = @_;
    $self->with_firmware(sub { unlink "$mount_point/$name" });
}

# ISO 3309, as zlib has it.
sub crc32 {
    my ($data) = @_;
    my @table = map {
        my $entry = $_;
        $entry = $entry & 1 ? $entry >> 1 ^ 0xedb88320 : $entry >> 1 for 1 .. 8;
        $entry;
    } 0 .. 255;
    my $sum = 0xffffffff;
    $sum = $table[($sum ^ $_) & 0xff] ^ $sum >> 8 for unpack "C*", $data;
    return $sum ^ 0xffffffff;
}

1;
