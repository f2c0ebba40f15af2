# What a switch is to do to units. What it has still to start, restart and reload is
# kept in files, so that a switch after one that was interrupted does that, too.
package Plan;
use strict;
use warnings;

my @kept = qw(start restart reload);

# A plan whose lists are kept in a directory, if one is named; they begin with what is there.
sub new {
    my ($class, $directory) = @_;
    my %self = (directory => $directory, map { $_ => {} } qw(stop start restart reload skip hidden));
    for my $list (defined $directory ? @kept : ()) {
        $self{$list}{$_} = 1 for grep { $_ ne "" } lines_of("$directory/$list-list");
    }
    return bless \%self, $class;
}

sub lines_of {
    my ($path) = @_;
    open my $file, "<", $path or return ();
    chomp(my @lines = <$file>);
    close $file;
    return @lines;
}

sub add {
    my ($self, $list, $unit) = @_;
    $self->{$list}{$unit} = 1;
}

sub remove {
    my ($self, $list, $unit) = @_;
    delete $self->{$list}{$unit};
}

sub has {
    my ($self, $list, $unit) = @_;
    return exists $self->{$list}{$unit};
}

# Each file is replaced as a whole: an interruption leaves the old list or the new.
sub keep {
    my ($self) = @_;
    mkdir $self->{directory}, 0755;
    for my $list (@kept) {
        my $path = "$self->{directory}/$list-list";
        open my $file, ">", "$path.new" or die "cannot make $path.new: $!\n";
        print $file map { "$_\n" } sort keys %{ $self->{$list} } or die "cannot write $path.new: $!\n";
        close $file or die "cannot write $path.new: $!\n";
        rename "$path.new", $path or die "cannot replace $path: $!\n";
    }
}

# Forgets a list that is done.
sub done {
    my ($self, $list) = @_;
    unlink "$self->{directory}/$list-list";
}

sub names {
    my ($self, $list) = @_;
    return in_order(keys %{ $self->{$list} });
}

sub in_order {
    return sort { lc $a cmp lc $b || $a cmp $b } @_;
}

# Says what happens to a list's units, but for those that would only be noise.
sub report {
    my ($self, $list, $what) = @_;
    my $all = ($ENV{STC_DISPLAY_ALL_UNITS} // "") eq "1";
    my @names = grep { $all || !$self->{hidden}{$_} } $self->names($list);
    print STDERR "$what: ", join(", ", @names), "\n" if @names;
}

1;
