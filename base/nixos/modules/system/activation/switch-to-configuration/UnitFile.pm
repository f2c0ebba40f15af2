# Unit files as systemd.syntax(7) and systemd.unit(5) have them, read from the
# directories of a generation, and what a difference between two of them asks for.
package UnitFile;
use strict;
use warnings;

# Keys of [Unit] that change nothing about a unit that runs.
my %without_effect = map { $_ => 1 } qw(
    X-Reload-Triggers Description Documentation OnFailure OnSuccess OnFailureJobMode IgnoreOnIsolate
    StopWhenUnneeded RefuseManualStart RefuseManualStop AllowIsolate CollectMode SourcePath
);

# What a file is to systemd: one that is empty or leads to /dev/null masks the unit.
sub state_of {
    my ($path) = @_;
    return "missing" unless -e $path;
    return -f $path && -s _ ? "present" : "masked";
}

# The file of a unit in the first of the directories that has one; undef if none has.
sub file_of {
    my ($directories, $name) = @_;
    for my $path (map { "$_/$name" } @$directories) {
        return $path if -e $path;
    }
    return undef;
}

# The name of the template that an instance is made of; undef for other units.
sub template_of {
    my ($name) = @_;
    return $name =~ /^([^@]+)@.+\.([a-z]+)$/ ? "$1\@.$2" : undef;
}

# Drop-ins of a name in their order: by file name, the directory that comes first
# hiding the others' files of the same name.
sub drop_ins {
    my ($directories, $name) = @_;
    my %found;
    for my $directory (reverse @$directories) {
        opendir my $handle, "$directory/$name.d" or next;
        $found{$_} = "$directory/$name.d/$_" for grep { /\.conf$/ } readdir $handle;
        closedir $handle;
    }
    return grep { state_of($_) eq "present" } map { $found{$_} } sort keys %found;
}

# A unit of a generation: { file, settings } with settings as section, key, values.
# undef if the generation does not have it, or masks it.
sub read_unit {
    my ($directories, $name) = @_;
    my $template = template_of($name);
    my $file = file_of($directories, $name);
    $file //= file_of($directories, $template) if defined $template;
    return undef unless defined $file && state_of($file) eq "present";
    my %settings;
    read_file($_, \%settings)
        for $file, (defined $template ? drop_ins($directories, $template) : ()), drop_ins($directories, $name);
    return { file => $file, settings => \%settings };
}

# Adds what a file sets; an empty value takes back what was set before it.
sub read_file {
    my ($path, $settings) = @_;
    open my $file, "<", $path or return;
    my ($section, $line) = ("", "");
    while (my $part = <$file>) {
        chomp $part;
        # Comments are left out of a continued line, too.
        next if $part =~ /^\s*[#;]/;
        if ($part =~ s/\\$//) {
            $line .= "$part ";
            next;
        }
        $line .= $part;
        if ($line =~ /^\s*\[(.*)\]\s*$/) {
            $section = $1;
        } elsif ($section ne "Install" && $line =~ /^\s*([^=]+?)\s*=\s*(.*?)\s*$/) {
            if ($2 eq "") {
                delete $settings->{$section}{$1};
            } else {
                push @{ $settings->{$section}{$1} }, $2;
            }
        }
        $line = "";
    }
    close $file;
}

sub values_of {
    my ($unit, $section, $key) = @_;
    return @{ ($unit->{settings}{$section} // {})->{$key} // [] };
}

# A boolean of a unit; the last value counts.
sub is_set {
    my ($unit, $section, $key, $default) = @_;
    my @values = values_of($unit, $section, $key);
    return @values ? $values[-1] =~ /^(?:1|yes|true|on)$/i : $default;
}

# "same", "reload" or "restart": what the way from one unit to the other takes.
sub compare {
    my ($old, $new) = @_;
    my $needed = "same";
    my %sections = map { $_ => 1 } keys %{ $old->{settings} }, keys %{ $new->{settings} };
    for my $section (keys %sections) {
        my ($before, $after) = map { $_->{settings}{$section} // {} } $old, $new;
        my %keys = map { $_ => 1 } keys %$before, keys %$after;
        for my $key (keys %keys) {
            my ($was, $is) = ($before->{$key}, $after->{$key});
            next if defined $was && defined $is && join("\n", @$was) eq join("\n", @$is);
            if ($section eq "Unit" && $key eq "X-Reload-Triggers"
                || $section eq "Service" && $key eq "ExecReload") {
                # One that went has nothing left to say, or to run.
                $needed = "reload" if defined $is;
            } elsif ($section eq "Mount" && $key eq "Options" && defined $was && defined $is) {
                $needed = "reload";
            } elsif (!($section eq "Unit" && $without_effect{$key})) {
                return "restart";
            }
        }
    }
    return $needed;
}

1;
