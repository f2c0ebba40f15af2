# The generations of the system profile, as a boot menu lists them.
package Generations;
use strict;
use warnings;
use BootFiles;
use Cwd qw(abs_path);

my $profiles = "/nix/var/nix/profiles";

# Those that are there: number and system, oldest first.
sub all {
    my @found = map { /^system-(\d+)-link$/ ? [ $1, abs_path("$profiles/$_") ] : () } BootFiles::names_in($profiles);
    return sort { $a->[0] <=> $b->[0] } grep { defined $_->[1] && -e "$_->[1]/init" } @found;
}

# The system that the profile is set to.
sub of_profile {
    return abs_path("$profiles/system") // "";
}

# The entries of a menu: the newest generations up to the limit, if there is one, and
# whatever their age the one that boots by default, the one that has booted, and the
# systems that are wanted. Each has its number, its system, and the name of its variant
# (a specialisation) or nothing.
sub listed {
    my ($limit, @wanted) = @_;
    my @generations = all();
    die "there is no generation in $profiles\n" unless @generations;
    my %wanted = map { $_ => 1 } grep { defined } @wanted, of_profile(), abs_path("/run/booted-system");
    my $oldest = $limit && @generations > $limit ? $generations[-$limit][0] : 0;
    my @listed;
    for my $generation (reverse @generations) {
        my ($number, $system) = @$generation;
        my @variants = map { [ $number, abs_path("$system/specialisation/$_"), $_ ] }
            grep { /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/ } BootFiles::names_in("$system/specialisation");
        my @entries = ([ $number, $system, "" ], @variants);
        my @found = grep { $wanted{ $_->[1] // "" } } @entries;
        next unless $number >= $oldest || @found;
        # One generation of a system is enough.
        delete $wanted{ $_->[1] } for @found;
        unshift @listed, @entries;
    }
    return grep { defined $_->[1] && -e "$_->[1]/kernel" && -e "$_->[1]/initrd" } @listed;
}

# The entry that is to boot by default: that of the system if it has one, else the profile's.
sub default_among {
    my ($system, @listed) = @_;
    for my $path ($system, of_profile()) {
        my ($found) = grep { $_->[1] eq $path } reverse @listed;
        return $found if $found;
    }
    return undef;
}

# Makes a system the one that the profile is set to, by a generation of its own if it has none.
sub set_profile {
    my ($system) = @_;
    my @all = all();
    my ($number) = map { $_->[0] } grep { $_->[1] eq $system } reverse @all;
    if (!defined $number) {
        my @numbers = map { /^system-(\d+)-link$/ ? $1 : () } BootFiles::names_in($profiles);
        $number = 1 + (sort { $b <=> $a } 0, @numbers)[0];
        place_link($system, "$profiles/system-$number-link");
    }
    place_link("system-$number-link", "$profiles/system");
}

sub place_link {
    my ($target, $path) = @_;
    my $new = "$path.tmp";
    unlink $new;
    symlink $target, $new or die "cannot make $new: $!\n";
    rename $new, $path or die "cannot replace $path: $!\n";
}

1;
