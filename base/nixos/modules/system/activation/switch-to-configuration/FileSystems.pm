# Mounts and swaps of fstab(5), whose units a generator makes.
package FileSystems;
use strict;
use warnings;

# ({ place => [ device, type, options ] }, { device => 1 })
sub read_table {
    my ($path) = @_;
    my (%mounts, %swaps);
    open my $file, "<", $path or return (\%mounts, \%swaps);
    while (<$file>) {
        next if /^\s*(?:#|$)/;
        my ($device, $place, $type, $options) = split;
        next unless defined $type;
        if ($type eq "swap") {
            $swaps{$device} = 1;
        } else {
            $place =~ s/\\(\d{3})/chr oct $1/ge;
            $mounts{$place} = [ $device, $type, $options // "" ];
        }
    }
    close $file;
    return (\%mounts, \%swaps);
}

# The name of a path's unit without its suffix: systemd.unit(5), "String Escaping".
sub escape_path {
    my ($path) = @_;
    $path =~ s{/+}{/}g;
    $path =~ s{^/|/$}{}g;
    return "-" if $path eq "";
    $path =~ s{^\.|[^A-Za-z0-9:_./]}{sprintf "\\x%02x", ord $&}ge;
    $path =~ s{/}{-}g;
    return $path;
}

# New mounts and swaps come with local-fs.target and swap.target. Returns the swaps
# that are no more; systemd has several units for one of them, so it cannot stop it.
sub decide {
    my ($plan, $old_table, $new_table) = @_;
    my ($mounted, $swapping) = read_table($old_table);
    my ($wanted, $swaps) = read_table($new_table);
    for my $place (sort keys %$mounted) {
        my $unit = escape_path($place);
        my ($old, $new) = ($mounted->{$place}, $wanted->{$place});
        if (!$new) {
            # A mount goes with its automount.
            $plan->add(stop => $unit . ($old->[2] =~ /x-systemd\.automount/ ? ".automount" : ".mount"));
        } elsif ("$old->[0] $old->[1]" eq "$new->[0] $new->[1]" || $place =~ m{^/(?:nix)?$}) {
            if ($old->[2] ne $new->[2]) {
                $plan->add(reload => "$unit.mount");
            } elsif ("$old->[0] $old->[1]" ne "$new->[0] $new->[1]") {
                # Nothing would be left to run without it.
                $plan->add(skip => "$unit.mount");
            }
        } else {
            $plan->add(restart => "$unit.mount");
        }
    }
    return sort grep { !$swaps->{$_} } keys %$swapping;
}

1;
