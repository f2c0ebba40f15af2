# The units of users who are logged in or linger: decided as the host's are, and
# carried out by the users' own managers.
package UserManagers;
use strict;
use warnings;
use Decisions;
use Manager;
use Plan;
use UnitFile;

my $activation = "nixos-activation.service";

sub report {
    my ($plan, $list, $what) = @_;
    $plan->report($list => "$what the following user units");
}

# A switch of every user's units to a system: planned before anything is changed,
# as what is there is compared with what comes.
sub plan {
    my ($system, $programs) = @_;
    my @switches;
    for (`loginctl list-users --no-legend`) {
        my ($uid, $name) = split;
        next unless defined $name && $uid =~ /^\d+$/ && -e "/run/user/$uid/systemd/private" && defined getpwuid $uid;
        my $manager = Manager->of_user($name, $uid);
        my $plan = Plan->new("/run/nixos/user-$uid");
        my $decisions = Decisions->new(
            units => $manager->active,
            old => ["/etc/systemd/user", "/usr/lib/systemd/user"],
            new => ["$system/etc/systemd/user", "$system/usr/lib/systemd/user"],
            fragments => ["/etc/systemd/user", "/usr/lib/systemd/user"],
            programs => $programs,
        );
        $decisions->decide($plan);
        # It runs at each switch.
        delete $plan->{$_}{$activation} for qw(stop start restart reload skip);
        push @switches, {
            name => $name, manager => $manager, plan => $plan, decisions => $decisions,
            coming => [ coming($decisions) ],
        };
    }
    return @switches;
}

# Units of the users' own that run and that the host is to have, too: once the user's
# are gone, the host's take their place.
sub coming {
    my ($decisions) = @_;
    return grep {
        my $fragment = $decisions->{units}{$_}{FragmentPath} // "";
        my $directory = $fragment =~ s{/[^/]*$}{}r;
        # What a user has in ~/.config hides what the host has; the rest is hidden by it.
        my $hides = $directory =~ m{/\.config/systemd/user$};
        defined UnitFile::file_of([ $decisions->{new}[0] ], $_)
            && !(grep { $directory eq $_ } @{ $decisions->{fragments} })
            && ($hides || !defined UnitFile::file_of([ $decisions->{old}[0] ], $_));
    } sort keys %{ $decisions->{units} };
}

sub tell_what_would_be {
    my ($switch) = @_;
    report($switch->{plan}, stop => "would stop");
    report($switch->{plan}, skip => "would NOT restart");
    report($switch->{plan}, reload => "would reload");
    report($switch->{plan}, restart => "would restart");
    report($switch->{plan}, start => "would start");
}

# Whether all went well.
sub carry_out {
    my ($switch, $system) = @_;
    my ($manager, $plan) = @$switch{qw(manager plan)};
    unless (defined getpwuid $manager->{uid}) {
        print STDERR "the user $switch->{name} is gone, what still runs for them is left alone\n";
        return 1;
    }
    print STDERR "reloading user units for $switch->{name}...\n";
    my $well = 1;
    $plan->keep;
    report($plan, stop => "stopping");
    $well &= $manager->on_units(stop => $plan->names("stop"));
    report($plan, skip => "NOT restarting");
    $manager->run("daemon-reexec") && $manager->run("daemon-reload") or $well = 0;
    $manager->run("reset-failed");
    for (["reload", "reloading"], ["restart", "restarting"], ["start", "starting"]) {
        my ($list, $what) = @$_;
        report($plan, $list => $what);
        $well &= $manager->on_units($list => $plan->names($list));
        $plan->done($list);
    }
    if (-e "$system/etc/systemd/user/$activation") {
        print STDERR "restarting the following user units: $activation\n";
        $well &= $manager->on_units(restart => $activation);
    }
    $well &= take_over($switch) if @{ $switch->{coming} };
    my $units = $manager->show;
    my @failed = Plan::in_order(grep { Manager::has_failed($units->{$_}) } keys %$units);
    if (@failed) {
        print STDERR "Failed to start user unit $_\n" for @failed;
        print STDERR "warning: the following user units failed: ", join(", ", @failed), "\n";
        $well = 0;
    }
    return $well;
}

# A user whose last session ends takes the manager along, whatever is asked of it then.
sub is_leaving {
    my ($switch) = @_;
    chomp(my $state = `systemctl show -P ActiveState user\@$switch->{manager}{uid}.service`);
    return $state =~ /^(?:inactive|deactivating)$/;
}

# The user's activation may have removed units of their own in favour of the host's.
sub take_over {
    my ($switch) = @_;
    my ($manager, $decisions) = @$switch{qw(manager decisions)};
    $manager->run("daemon-reload");
    my $plan = Plan->new;
    my $units = $manager->active;
    for my $name (@{ $switch->{coming} }) {
        my $new = UnitFile::read_unit($decisions->{new}, $name) // next;
        if (my $unit = $units->{$name}) {
            next unless index($unit->{FragmentPath} // "", "$decisions->{fragments}[0]/") == 0;
            $decisions->change($plan, $name, $new, 1);
        } elsif (!UnitFile::is_set($new, "Unit", "RefuseManualStart", 0)
            && !UnitFile::is_set($new, "Unit", "X-OnlyManualStart", 0)) {
            $plan->add(start => $name);
        }
    }
    my $well = 1;
    report($plan, skip => "NOT restarting (post-activation)");
    for (["reload", "reloading"], ["restart", "restarting"], ["start", "starting"]) {
        my ($list, $what) = @$_;
        report($plan, $list => "$what (post-activation)");
        $well &= $manager->on_units($list => $plan->names($list));
    }
    return $well;
}

1;
