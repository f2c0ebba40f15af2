#!/usr/bin/perl
# switch-to-configuration boot|switch|test|dry-activate|check
#
# `boot` writes the boot menu from the generations of the system profile, `test`
# makes this generation the running one, `switch` does both, `dry-activate` tells
# what `test` would do, `check` only runs the checks that come before.
#
# The exit status is NixOS's: 2 if the activation failed, 3 if systemd could not
# read its units, 4 if units failed, 100 if only a reboot brings this generation.
# An interrupted switch is completed by the next one: what is there is compared with
# what shall be, and what was stopped is on a list.
use strict;
use warnings;
use Cwd qw(abs_path);
use Fcntl qw(:flock);

# The generation is where this program lies.
my $system;

BEGIN {
    ($system) = abs_path($0) =~ m{^(.*)/bin/[^/]+$} or die "switch-to-configuration: this is no generation\n";
    unshift @INC, "$system/lib/switch-to-configuration";
}

use Decisions;
use FileSystems;
use Manager;
use Plan;
use Programs;
use UserManagers;
use Usr;

my $action = $ARGV[0] // "";
# Perl would exit with whatever errno holds.
$SIG{__DIE__} = sub { print STDERR "switch-to-configuration: @_"; exit 1 };
# A terminal that goes away does not end a switch; programs that it runs are as ever.
$SIG{HUP} = $SIG{PIPE} = sub { };

unless ($action =~ /^(?:boot|switch|test|dry-activate|check)$/ && @ARGV == 1) {
    print STDERR "Usage: switch-to-configuration boot|switch|test|dry-activate|check\n";
    exit 1;
}

$ENV{PATH} = "/usr/sbin:/usr/bin";
$ENV{LC_ALL} = "C.UTF-8";
$ENV{NIXOS_ACTION} = $action;

die "only root can do that\n" unless $> == 0;
die "this is not a host of this kind: /etc/os-release is not of its system\n"
    unless -e "/etc/NIXOS" || same_distribution("/etc/os-release", "$system/etc/os-release");

mkdir "/run/nixos", 0755;
open my $lock, ">", "/run/nixos/switch-to-configuration.lock" or die "cannot make the lock: $!\n";
flock $lock, LOCK_EX | LOCK_NB or die "another switch-to-configuration is running\n";

my $running = abs_path("/run/current-system") // "";

if (($ENV{NIXOS_NO_CHECK} // "") ne "1") {
    system("$system/pre-switch-checks", $running, $system, $action) == 0 or die "a check before the switch failed\n";
}
exit 0 if $action eq "check";

if ($action eq "boot" || $action eq "switch") {
    if (-e "$system/bin/install-boot-entries") {
        system("$system/bin/install-boot-entries", $system) == 0 or exit 1;
    } else {
        print STDERR "Warning: do not know how to make this configuration bootable; please enable a boot loader.\n";
    }
}
# Should the new generation hang the host, it is on the disk.
system("sync", "-f", "/nix/store") if ($ENV{NIXOS_NO_SYNC} // "") ne "1" && $action ne "dry-activate";
exit 0 if $action eq "boot";

my ($ours, $theirs) = map { read_text("$_/init-interface-version") } $system, $running;
if ($theirs ne "" && $ours ne $theirs) {
    print STDERR "the init of this generation is incompatible with the one that runs: it takes a reboot"
        . " (switch-to-configuration boot)\n";
    exit 100;
}

my $programs = Programs->new("$system/usr");
my $has_changed = sub { $programs->have_changed(@_) };
my $manager = Manager->of_host;
my $before = $manager->active;
my $plan = Plan->new("/run/nixos");
my $decisions = Decisions->new(
    units => $before,
    old => ["/etc/systemd/system", "/usr/lib/systemd/system"],
    new => ["$system/etc/systemd/system", "$system/usr/lib/systemd/system"],
    fragments => ["/etc/systemd/system", "/usr/lib/systemd/system"],
    programs => $has_changed,
);
$decisions->decide($plan);
my @old_swaps = FileSystems::decide($plan, "/etc/fstab", "$system/etc/fstab");
# A mount of the table may never have been made.
$plan->remove(stop => $_) for grep { !$before->{$_} } $plan->names("stop");
my @users = UserManagers::plan($system, $has_changed);
my $new_manager = $programs->differs("/usr/lib/systemd/systemd", "/proc/1/exe")
    || read_text("/etc/systemd/system.conf") ne read_text("$system/etc/systemd/system.conf");

if ($action eq "dry-activate") {
    print STDERR "would stop swap device: $_\n" for @old_swaps;
    $plan->report(stop => "would stop the following units");
    $plan->report(skip => "would NOT stop the following changed units");
    print STDERR "would activate the configuration...\n";
    system("$system/dry-activate", $system);
    $decisions->asked($plan, map { taken("/run/nixos/dry-activation-$_-list") } qw(restart reload));
    print STDERR "would restart systemd\n" if $new_manager;
    $plan->report(reload => "would reload the following units");
    $plan->report(restart => "would restart the following units");
    $plan->report(start => "would start the following units");
    UserManagers::tell_what_would_be($_) for @users;
    exit 0;
}

my $status = 0;
$plan->keep;

for (@old_swaps) {
    print STDERR "stopping swap device: $_\n";
    system("swapoff", $_);
}
$plan->report(stop => "stopping the following units");
$manager->on_units(stop => $plan->names("stop")) or $status = 4;
$plan->report(skip => "NOT restarting the following changed units");

Usr::put_in_place(abs_path("$system/usr"));

print STDERR "activating the configuration...\n";
if (system("$system/activate", $system) != 0) {
    print STDERR "the activation failed\n";
    $status = 2;
}
my @asked = map { "/run/nixos/activation-$_-list" } qw(restart reload);
$decisions->asked($plan, map { [ Plan::lines_of($_) ] } @asked);
$plan->keep;
unlink @asked;

if ($new_manager) {
    print STDERR "restarting systemd...\n";
    $manager->run("daemon-reexec") or $status = 3;
}
$manager->run("reset-failed");
$manager->run("daemon-reload") or $status = 3;

for my $user (@users) {
    next if UserManagers::carry_out($user, $system) || UserManagers::is_leaving($user);
    print STDERR "warning: user activation for $user->{name} failed\n";
    $status = 4;
}

# What comes before sysinit.target has no other occasion to run again, and the rest
# is to find it done.
print STDERR "restarting sysinit-reactivation.target\n";
$manager->on_units(restart => "sysinit-reactivation.target") or $status = 4;

look_again();
for (["reload", "reloading"], ["restart", "restarting"], ["start", "starting"]) {
    my ($list, $what) = @$_;
    $plan->report($list => "$what the following units");
    $manager->on_units($list => $plan->names($list)) or $status = 4;
    $plan->done($list);
}

my $after = $manager->settled;
my @failed = Plan::in_order(grep { Manager::has_failed($after->{$_}) } keys %$after);
my @new = Plan::in_order(
    grep { !$before->{$_} && !Manager::has_failed($after->{$_}) && !/\.(?:scope|device)$|^sysinit-reactivation\.target$/ } keys %$after
);
print STDERR "the following new units were started: ", join(", ", @new), "\n" if @new;
if (@failed) {
    print STDERR "warning: the following units failed: ", join(", ", @failed), "\n";
    open STDOUT, ">&", \*STDERR;
    $manager->run("status", "--no-pager", "--full", "--", @failed);
    $status = 4;
}
exit $status;

# What the units are now, after others were stopped and systemd has read them anew.
sub look_again {
    my %names = map { $_ => 1 } map { $plan->names($_) } qw(reload restart start);
    return unless %names;
    my $units = $manager->show(sort keys %names);
    for my $name (keys %names) {
        my $unit = $units->{$name} // next;
        if ($unit->{LoadState} eq "not-found") {
            # An interrupted switch to another generation wanted it.
            $plan->remove($_ => $name) for qw(reload restart start);
        } elsif ($plan->has(reload => $name) && $unit->{ActiveState} !~ /^(?:active|activating|reloading)$/) {
            # It was stopped with what it needs: a reload would fail.
            $plan->remove(reload => $name);
            my $new = UnitFile::read_unit($decisions->{new}, $name);
            $plan->add(start => $name)
                if defined $new && !UnitFile::is_set($new, "Unit", "RefuseManualStart", 0)
                && !UnitFile::is_set($new, "Unit", "X-OnlyManualStart", 0);
        }
    }
    $plan->keep;
}

# The lines of a file, which is then gone.
sub taken {
    my ($path) = @_;
    my @lines = grep { $_ ne "" } Plan::lines_of($path);
    unlink $path;
    return \@lines;
}

sub read_text {
    my ($path) = @_;
    open my $file, "<", $path or return "";
    local $/;
    my $text = <$file>;
    close $file;
    return $text // "";
}

sub same_distribution {
    my ($one, $other) = map { read_text($_) =~ /^ID=(.*)$/m ? $1 : undef } @_;
    return defined $one && defined $other && $one eq $other;
}
