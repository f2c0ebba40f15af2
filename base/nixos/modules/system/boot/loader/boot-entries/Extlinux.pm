# The menu that U-Boot reads: the Boot Loader Specification's predecessor, see doc/README.distro of U-Boot.
package Extlinux;
use strict;
use warnings;
use BootFiles;
use Cwd qw(abs_path);
use Generations;
use UBoot;

my $boot = "/boot";
my $menu = "$boot/extlinux/extlinux.conf";

# The loader's settings in a system; undef if it does not boot by such a menu.
sub of_system {
    my ($class, $system) = @_;
    my $settings = BootFiles::read_settings("$system/boot-loader/extlinux") // return undef;
    return bless { system => $system, settings => $settings }, $class;
}

# The files of an entry as they are called below /boot, where they are copied to.
sub files_of {
    my ($self, $path, $keep) = @_;
    my $settings = $self->{settings};
    my %name = map { $_ => BootFiles::boot_name("$path/$_") } "kernel", "initrd";
    for my $file ("kernel", "initrd") {
        $keep->{ $name{$file} } = 1;
        BootFiles::copy_file("$path/$file", "$boot/nixos/$name{$file}") unless -e "$boot/nixos/$name{$file}";
    }
    my %files = map { $_ => "nixos/$name{$_}" } keys %name;
    if ($settings->{"device-trees"} && -d "$path/dtbs") {
        my $trees = BootFiles::boot_name("$path/dtbs");
        $keep->{$trees} = 1;
        BootFiles::copy_tree(abs_path("$path/dtbs"), "$boot/nixos/$trees");
        $files{trees} = "nixos/$trees";
        $files{tree} = "nixos/$trees/$settings->{'device-tree'}" if $settings->{"device-tree"} ne "";
    }
    return \%files;
}

# The lines of an entry; its files are copied first.
sub lines_of {
    my ($self, $path, $keep) = @_;
    my $files = $self->files_of($path, $keep);
    my $lines = "  LINUX ../$files->{kernel}\n  INITRD ../$files->{initrd}\n";
    $lines .= defined $files->{tree} ? "  FDT ../$files->{tree}\n" : "  FDTDIR ../$files->{trees}\n" if defined $files->{trees};
    return $lines . "  APPEND init=$path/init " . (BootFiles::read_text("$path/kernel-params") // "") . "\n\n";
}

# Every file first, then the menu in one step, and what it does not name last.
sub install {
    my ($self) = @_;
    my $settings = $self->{settings};
    BootFiles::make_directories("$boot/$_") for "extlinux", "nixos";
    BootFiles::remove_leftovers("$boot/$_") for "extlinux", "nixos";
    my @listed = Generations::listed($settings->{"configuration-limit"}, $self->{system});
    my $chosen = Generations::default_among($self->{system}, @listed);
    my (%keep, $entries, $default);
    for (reverse @listed) {
        my ($number, $path, $variant) = @$_;
        my $lines = $self->lines_of($path, \%keep);
        my $label = $variant eq "" ? $number : "$number-$variant";
        my $version = BootFiles::read_text("$path/nixos-version") // "";
        $entries .= "LABEL nixos-$label\n  MENU LABEL $settings->{distribution} - Configuration $label ($version)\n$lines";
        $default = "LABEL nixos-default\n  MENU LABEL $settings->{distribution} - Default\n$lines" if $_ == $chosen;
    }
    # Tenths of a second; 0 waits for ever, which no timeout at all means too.
    my $timeout = $settings->{timeout} > 0 ? $settings->{timeout} * 10 : $settings->{timeout} == 0 ? 1 : 0;
    BootFiles::write_file($menu,
        "# Written by each switch; changes are lost.\n"
        . "DEFAULT nixos-default\nMENU TITLE ------------------------------------------------------------\n"
        . "TIMEOUT $timeout\n\n$default$entries");
    my @unused = map { "$boot/nixos/$_" } grep { !$keep{$_} } BootFiles::names_in("$boot/nixos");
    system("sync", "-f", $boot);
    system("rm", "-rf", "--", @unused) if @unused;
}

# The system that boots by default.
sub default_system {
    my $text = BootFiles::read_text($menu) // return undef;
    my ($label) = $text =~ /^DEFAULT\s+(\S+)/m or return undef;
    return $text =~ m{^LABEL \Q$label\E\n(?:(?!LABEL ).*\n)*?[ \t]*APPEND init=(\S+)/init}m ? $1 : undef;
}

# Most boards' U-Boot keeps nothing between boots.
sub boots_once {
    return defined UBoot::of_board($boot);
}

sub set_once {
    my ($self, $system, @parameters) = @_;
    my $board = UBoot::of_board($boot) or die "this board's U-Boot keeps nothing for a single boot\n";
    BootFiles::make_directories("$boot/nixos");
    BootFiles::remove_leftovers("$boot/nixos");
    my $files = $self->files_of($system, {});
    system("sync", "-f", $boot);
    $board->set_once($files, join " ", "init=$system/init", BootFiles::read_text("$system/kernel-params") // "", @parameters);
}

sub unset_once {
    my $board = UBoot::of_board($boot) // return;
    $board->unset_once;
}

1;
