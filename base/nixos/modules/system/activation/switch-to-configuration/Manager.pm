# A system manager, that of the host or of a user: what systemctl(1) tells and does.
package Manager;
use strict;
use warnings;

my @properties = qw(
    Id Following LoadState ActiveState SubState FragmentPath MainPID ControlGroup ExecMainStatus
);

sub of_host { return bless { command => ["systemctl"] }, shift }

# The manager of a user who is logged in or lingers.
sub of_user {
    my ($class, $name, $uid) = @_;
    my @command = (
        "setpriv", "--reuid=$uid", "--regid=" . (getpwuid $uid)[3], "--init-groups", "--reset-env",
        "env", "XDG_RUNTIME_DIR=/run/user/$uid", "systemctl", "--user",
    );
    return bless { command => \@command, name => $name, uid => $uid }, $class;
}

# Runs systemctl; whether it succeeded.
sub run {
    my ($self, @arguments) = @_;
    return system(@{ $self->{command} }, @arguments) == 0;
}

# Carries out a verb on units and waits for the jobs; whether all succeeded.
sub on_units {
    my ($self, $verb, @units) = @_;
    return 1 unless @units;
    return $self->run($verb, "--", @units);
}

# Units by name, each with its properties: those named, else all that the manager has loaded.
sub show {
    my ($self, @names) = @_;
    @names = "*" unless @names;
    my @command = (@{ $self->{command} }, "show", "--no-pager", "--property=" . join(",", @properties), "--", @names);
    open my $output, "-|", @command or die "cannot run systemctl: $!\n";
    my (%units, %unit);
    my $finish = sub {
        $units{ $unit{Id} } = {%unit} if defined $unit{Id};
        %unit = ();
    };
    while (my $line = <$output>) {
        chomp $line;
        if ($line eq "") {
            $finish->();
        } else {
            my ($key, $value) = split /=/, $line, 2;
            $unit{$key} = $value;
        }
    }
    $finish->();
    close $output;
    return \%units;
}

# What is loaded and not inactive. Units that follow another one are that one.
sub active {
    my ($self) = @_;
    my $units = $self->show;
    for my $name (keys %$units) {
        my $unit = $units->{$name};
        delete $units->{$name} if $unit->{Following} || $unit->{ActiveState} eq "inactive";
    }
    return $units;
}

# The same, once it does not change from one look to the next.
sub settled {
    my ($self) = @_;
    my ($units, $last) = (undef, "");
    for (1 .. 20) {
        select undef, undef, undef, 0.25;
        $units = $self->active;
        my $now = join "\n", map { "$_ $units->{$_}{ActiveState} $units->{$_}{SubState}" } sort keys %$units;
        return $units if $now eq $last;
        $last = $now;
    }
    return $units;
}

# Whether a unit has failed, or is about to be started again after it has.
sub has_failed {
    my ($unit) = @_;
    return $unit->{ActiveState} eq "failed"
        || $unit->{SubState} eq "auto-restart" && ($unit->{ExecMainStatus} // 0) != 0;
}

1;
