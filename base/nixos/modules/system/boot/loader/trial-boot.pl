#!/usr/bin/perl
# trial-boot set [--confirm-within SECONDS] | status | confirm | cancel
#
# `set` makes the generation that this program lies in the one to boot next, once.
# `confirm` makes it the one to boot by default, once it has booted; `cancel` forgets
# about it. `status` prints what is booted, what boots by default, and what became of
# a trial, as JSON.
use strict;
use warnings;
use Cwd qw(abs_path);
use Fcntl qw(:flock);

my $system;

BEGIN {
    ($system) = abs_path($0) =~ m{^(.*)/bin/[^/]+$} or die "trial-boot: this is no generation\n";
    unshift @INC, "$system/lib/boot-entries";
}

use TrialBoot;

# Perl would exit with whatever errno holds.
$SIG{__DIE__} = sub { print STDERR "trial-boot: @_"; exit 1 };
$ENV{PATH} = "/usr/sbin:/usr/bin";
$ENV{LC_ALL} = "C.UTF-8";

my ($verb, @arguments) = @ARGV;
$verb //= "";
my $seconds;
if ($verb eq "set" && "@arguments" =~ /^--confirm-within ([1-9]\d{0,6})$/) {
    $seconds = $1;
    @arguments = ();
}
unless ($verb =~ /^(?:set|status|confirm|cancel|await)$/ && !@arguments) {
    print STDERR "Usage: trial-boot set [--confirm-within SECONDS]\n       trial-boot status|confirm|cancel\n";
    exit 2;
}

if ($verb eq "status") {
    print to_json(TrialBoot::status()), "\n";
    exit 0;
}
die "only root can do that\n" unless $> == 0;

# Run by the trial itself.
if ($verb eq "await") {
    exit 0 if TrialBoot::await();
    print STDERR "the trial was not confirmed in time: the host boots its default generation\n";
    system("systemctl", "reboot");
    sleep 120;
    # What hangs on the way down is not waited for.
    system("systemctl", "reboot", "--force", "--force");
    exit 1;
}

mkdir "/run/nixos", 0755;
open my $lock, ">", "/run/nixos/trial-boot.lock" or die "cannot make the lock: $!\n";
flock $lock, LOCK_EX or die "cannot take the lock: $!\n";

if ($verb eq "set") {
    TrialBoot::set($system, $seconds);
} elsif ($verb eq "confirm") {
    TrialBoot::confirm($system);
} else {
    TrialBoot::cancel();
}

sub to_json {
    my ($value) = @_;
    return "null" unless defined $value;
    return "{" . join(",", map { "\"$_\":" . to_json($value->{$_}) } sort keys %$value) . "}" if ref $value;
    return $value if $value =~ /^\d+$/;
    return "\"" . $value =~ s/(["\\])/\\$1/gr =~ s/([\x00-\x1f])/sprintf "\\u%04x", ord $1/ger . "\"";
}
