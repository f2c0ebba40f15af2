# What becomes of the units that run: NixOS's rules, as the chapter "What happens
# during a system switch?" of its manual has them.
package Decisions;
use strict;
use warnings;
use UnitFile;

# Targets that lead to a state that the host is not in for long.
my $passing = qr/^(?:suspend|hibernate|hybrid-sleep)\.target$/;

# sleeping, limits and watches: systemd takes over what changed when it reads its units.
my $not_directly = qr/\.(?:path|slice)$|^(?:sysinit|basic|multi-user|graphical)\.target$/;

# A switch of one manager's units:
#   manager     units that are not inactive, by name
#   old, new    directories of units, those that come first hiding later ones
#   fragments   where units lie that are ours to change
#   programs    a function: has what this unit runs changed?
sub new {
    my ($class, %self) = @_;
    return bless \%self, $class;
}

sub decide {
    my ($self, $plan) = @_;
    for my $name (sort keys %{ $self->{units} }) {
        my $unit = $self->{units}{$name};
        next unless $unit->{ActiveState} =~ /^(?:active|activating|reloading|refreshing)$/;
        # What generators make, and what users have of their own, is not of a generation.
        my $fragment = $unit->{FragmentPath} // "";
        next unless grep { index($fragment, "$_/") == 0 } @{ $self->{fragments} };
        my $old = UnitFile::read_unit($self->{old}, $name) // next;
        my $new = $self->is_dropped($name) ? undef : UnitFile::read_unit($self->{new}, $name);
        if (!defined $new) {
            $plan->add(stop => $name) if UnitFile::is_set($old, "Unit", "X-StopOnRemoval", 1);
        } elsif ($name =~ /\.target$/) {
            reach_again($plan, $name, $new);
        } else {
            my $needed = UnitFile::compare($old, $new);
            $needed = "restart" if $needed ne "restart" && $name =~ /\.service$/ && $self->{programs}->($unit, $new);
            if ($needed eq "restart") {
                $self->change($plan, $name, $new, 0);
            } elsif ($needed eq "reload") {
                $plan->add(reload => $name) unless $plan->has(restart => $name);
            }
        }
    }
}

# An instance that a generation had by its drop-ins alone, and the next one has not.
sub is_dropped {
    my ($self, $name) = @_;
    return 0 unless defined UnitFile::template_of($name);
    return 0 if defined UnitFile::file_of($self->{old}, $name) || defined UnitFile::file_of($self->{new}, $name);
    return UnitFile::drop_ins($self->{old}, $name) && !UnitFile::drop_ins($self->{new}, $name);
}

# Starting a target again starts what has newly come to it.
sub reach_again {
    my ($plan, $name, $new) = @_;
    unless ($name =~ $passing
        || UnitFile::is_set($new, "Unit", "RefuseManualStart", 0)
        || UnitFile::is_set($new, "Unit", "X-OnlyManualStart", 0)) {
        $plan->add(start => $name);
        $plan->add(hidden => $name);
    }
    # What is ordered after the target waits again for what is ordered before it.
    $plan->add(stop => $name) if UnitFile::is_set($new, "Unit", "X-StopOnReconfiguration", 0);
}

# A unit that is another one now. With `at_once` nothing more is stopped before the
# activation: what would be stopped and started is restarted.
sub change {
    my ($self, $plan, $name, $new, $at_once) = @_;
    return if $name =~ $not_directly || $name =~ /\.socket$/;
    if ($name =~ /\.mount$/) {
        # Nothing would be left to run without these.
        $plan->add(($name =~ /^(?:-|nix|nix-store|usr)\.mount$/ ? "reload" : "restart") => $name);
        return;
    }
    my ($stop, $start) = $at_once ? ("restart", "restart") : ("stop", "start");
    if (UnitFile::is_set($new, "Service", "X-ReloadIfChanged", 0)
        && !$plan->has(restart => $name) && !$plan->has($stop => $name)) {
        $plan->add(reload => $name);
        return;
    }
    if (!UnitFile::is_set($new, "Service", "X-RestartIfChanged", 1)
        || UnitFile::is_set($new, "Unit", "RefuseManualStop", 0)
        || UnitFile::is_set($new, "Unit", "X-OnlyManualStart", 0)) {
        $plan->add(skip => $name);
        return;
    }
    $plan->remove(reload => $name);
    if ($name !~ /\.service$/ || !UnitFile::is_set($new, "Service", "X-StopIfChanged", 1)) {
        $plan->add(restart => $name);
        return;
    }
    my $by_socket = 0;
    for my $socket (sockets_of($name, $new)) {
        my $stays = defined UnitFile::read_unit($self->{new}, $socket);
        $by_socket = 1 if $stays;
        next unless $self->{units}{$socket};
        $plan->add($stop => $socket);
        $plan->add($start => $socket) if $stays;
    }
    # Its socket starts it when somebody comes, unless it says that it does not wait for that.
    $plan->add($start => $name) if !$by_socket || UnitFile::is_set($new, "Service", "X-NotSocketActivated", 0);
    $plan->add($stop => $name);
}

# The sockets that start a service; all instances of a template are started by one.
sub sockets_of {
    my ($name, $unit) = @_;
    my @named = split " ", join " ", UnitFile::values_of($unit, "Service", "Sockets");
    return @named if @named;
    return $name =~ s/(?:@.*)?\.service$/.socket/r;
}

# Units that activation scripts ask for: as restart or reload triggers would.
sub asked {
    my ($self, $plan, $restart, $reload) = @_;
    for my $name (@$restart) {
        if (!$self->{units}{$name}) {
            $plan->add(start => $name);
        } elsif (defined(my $new = UnitFile::read_unit($self->{new}, $name))) {
            $self->change($plan, $name, $new, 1);
        }
    }
    for my $name (@$reload) {
        $plan->add(reload => $name)
            if $self->{units}{$name} && !$plan->has(restart => $name) && !$plan->has(stop => $name);
    }
}

1;
