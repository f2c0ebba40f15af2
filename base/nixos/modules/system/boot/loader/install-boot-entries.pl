#!/usr/bin/perl
# install-boot-entries SYSTEM: writes the boot menu from the generations of the
# system profile, with the settings that SYSTEM has for its boot loaders. SYSTEM
# boots by default if it is among them.
use strict;
use warnings;
use Cwd qw(abs_path);

my $system;

BEGIN {
    $system = abs_path($ARGV[0] // "") if @ARGV == 1;
    die "usage: install-boot-entries SYSTEM\n" unless defined $system;
    unshift @INC, "$system/lib/boot-entries";
}

use Extlinux;
use SystemdBoot;
use TrialBoot;

# Perl would exit with whatever errno holds.
$SIG{__DIE__} = sub { print STDERR "install-boot-entries: @_"; exit 1 };
$ENV{PATH} = "/usr/sbin:/usr/bin";
$ENV{LC_ALL} = "C.UTF-8";

TrialBoot::give_up_pending();
$_->install for TrialBoot::loaders($system);
