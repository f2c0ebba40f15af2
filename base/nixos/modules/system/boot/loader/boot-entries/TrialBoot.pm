# A generation that boots once. The default stays what it was until the trial is
# confirmed, so that whatever goes wrong ends in the old generation at the next boot.
#
# What is tried is kept in a file: the system, the id of the boot in which it was set,
# by which the trial's kernel is known, the way to boot once, and within how many
# seconds of its boot the trial is to be confirmed, if it is.
package TrialBoot;
use strict;
use warnings;
use BootFiles;
use Cwd qw(abs_path);
use Extlinux;
use Generations;
use Kexec;
use SystemdBoot;

my $state_file = "/var/lib/nixos/trial-boot";
my $root = "/nix/var/nix/gcroots/trial-boot";

# A kernel that panics, and a manager that crashes or hangs, end in another boot.
# bootparam(7), kernel-command-line(7); a parameter of the host's own counts.
my @against_hanging = qw(panic=5 systemd.crash_reboot=1 systemd.watchdog_sec=60);

sub boot_id {
    return BootFiles::read_text("/proc/sys/kernel/random/boot_id");
}

sub booted_system {
    return abs_path("/run/booted-system") // "";
}

# The boot loaders of a system.
sub loaders {
    my ($system) = @_;
    return grep { defined } map { $_->of_system($system) } "SystemdBoot", "Extlinux";
}

sub read_state {
    return BootFiles::read_settings($state_file);
}

# "pending", "succeeded" or "failed"
sub outcome {
    my ($state) = @_;
    return "pending" if $state->{boot} eq boot_id();
    my $line = BootFiles::read_text("/proc/cmdline") // "";
    return "succeeded" if $line =~ /(?:^| )nixos\.trial=\Q$state->{boot}\E(?: |$)/ && booted_system() eq $state->{system};
    return "failed";
}

# The system that boots by default; undef if no boot loader is known.
sub default_system {
    for my $loader (loaders(abs_path("/run/current-system") // "")) {
        my $system = $loader->default_system;
        return $system if defined $system;
    }
    return undef;
}

sub set {
    my ($system, $seconds) = @_;
    my ($loader) = loaders($system) or die "this generation has no boot loader\n";
    -e "$system/kernel" && -e "$system/initrd" or die "this generation has no kernel\n";
    cancel() if read_state();
    my $boot = boot_id();
    my $own = BootFiles::read_text("$system/kernel-params") // "";
    my @parameters = ("nixos.trial=$boot", grep { my ($name) = /^([^=]+=)/; $own !~ /(?:^| )\Q$name\E/ } @against_hanging);
    my $method = $loader->boots_once ? "one-shot" : "kexec";
    # What is tried must not be collected, and what is set must be known.
    Generations::place_link($system, $root);
    BootFiles::make_directories("/var/lib/nixos");
    BootFiles::write_file($state_file,
        "system $system\nboot $boot\nmethod $method\n" . (defined $seconds ? "confirm-within $seconds\n" : ""));
    my $set = eval {
        local $SIG{__DIE__};
        if ($method eq "one-shot") {
            $loader->set_once($system, @parameters);
        } else {
            Kexec::load($system, join " ", "init=$system/init", $own, @parameters);
        }
        1;
    };
    return if $set;
    my $reason = $@;
    cancel();
    die $reason;
}

# Takes back what is not needed any more; all of it can be done again.
sub cancel {
    my $state = read_state();
    Kexec::unload() if $state && $state->{method} eq "kexec" && outcome($state) eq "pending";
    # The entry is the loader's of the system that was tried, which may be gone.
    my %seen;
    $_->unset_once for grep { !$seen{ ref $_ }++ } map { loaders($_) } grep { defined }
        $state && $state->{system}, abs_path("/run/current-system");
    unlink $state_file, $root;
}

# Another system becomes the next to boot: a trial that has not begun is given up.
sub give_up_pending {
    my $state = read_state() // return;
    cancel() if outcome($state) eq "pending";
}

sub confirm {
    my ($system) = @_;
    my $state = read_state();
    if (!$state) {
        # Confirmed before, and interrupted or asked again.
        return if (default_system() // "") eq $system && booted_system() eq $system;
        die "there is no trial to confirm\n";
    }
    die "the trial is of another generation: $state->{system}\n" if $state->{system} ne $system;
    my $outcome = outcome($state);
    die "the trial has not booted yet\n" if $outcome eq "pending";
    die "the trial failed: the host has booted " . booted_system() . "\n" if $outcome ne "succeeded";
    Generations::set_profile($system);
    $_->install for loaders($system);
    cancel();
}

# Waits until the trial that has booted is confirmed; without that the host boots anew.
sub await {
    my $state = read_state() // return 1;
    return 1 unless defined $state->{"confirm-within"} && outcome($state) eq "succeeded";
    while (my $now = read_state()) {
        return 1 if $now->{boot} ne $state->{boot};
        my ($uptime) = split / /, BootFiles::read_text("/proc/uptime");
        return 0 if $uptime >= $state->{"confirm-within"};
        sleep 1;
    }
    return 1;
}

sub status {
    my $state = read_state();
    my $trial = $state && {
        system => $state->{system}, state => outcome($state), method => $state->{method},
        confirmWithin => $state->{"confirm-within"},
    };
    return {
        booted => booted_system() || undef, current => abs_path("/run/current-system"),
        default => default_system(), trial => $trial,
    };
}

1;
