#!/usr/bin/perl
# switch-to-configuration boot|switch|test|dry-activate|check
#
# `boot` writes the boot menu from the generations of the system profile, `test`
# makes this generation the running one, `switch` does both, `dry-activate` tells
# what `test` would do, `check` only runs the checks that come before.
#
# Units that the generations have in common are left alone. What differs is
# stopped, the new state is put in place, and what should run is started. The
# exit status is NixOS's: 2 if the activation failed, 3 if systemd could not
# reload its units, 4 if units failed.
use strict;
use warnings;
use Fcntl qw(:flock);

$| = 1;
# Perl would exit with whatever errno holds.
$SIG{__DIE__} = sub { print STDERR "switch-to-configuration: @_"; exit 1 };

my $action = $ARGV[0] // "";
die "usage: switch-to-configuration boot|switch|test|dry-activate|check\n"
    unless $action =~ /^(?:boot|switch|test|dry-activate|check)$/ && @ARGV == 1;

$ENV{PATH} = "/usr/sbin:/usr/bin";
$ENV{LC_ALL} = "C.UTF-8";
$ENV{NIXOS_ACTION} = $action;

sub readlink_all {
    my ($path) = @_;
    open my $output, "-|", "readlink", "-f", "--", $path or die "cannot run readlink: $!\n";
    my $resolved = <$output> // "";
    close $output;
    chomp $resolved;
    return $resolved;
}

sub read_text {
    my ($path) = @_;
    open my $file, "<", $path or return undef;
    local $/;
    my $text = <$file>;
    close $file;
    return $text;
}

my ($system) = readlink_all($0) =~ m{^(.*)/bin/[^/]+$};
my $running = readlink_all("/run/current-system");

die "this is not a host of this kind: there is no /etc/NIXOS\n" unless -e "/etc/NIXOS";
die "only root can do that\n" unless $> == 0;

mkdir "/run/nixos", 0755;
open my $lock, ">", "/run/nixos/switch-to-configuration.lock" or die "cannot make the lock: $!\n";
flock $lock, LOCK_EX | LOCK_NB or die "another switch-to-configuration is running\n";

unless ($ENV{NIXOS_NO_CHECK}) {
    system("$system/pre-switch-checks", $running, $system, $action) == 0 or die "a check before the switch failed\n";
}
exit 0 if $action eq "check";

if (($action eq "boot" || $action eq "switch") && -e "$system/bin/install-boot-entries") {
    system("$system/bin/install-boot-entries", $system) == 0 or exit 1;
}
exit 0 if $action eq "boot";

# Booting brings what a switch cannot.
my ($ours, $theirs) = map { read_text("$_/init-interface-version") // "" } $system, $running;
die "this generation needs a reboot: switch-to-configuration boot\n" if $theirs ne "" && $ours ne $theirs;

sub is_true { return ($_[0] // "") =~ /^(?:1|true|yes|on)$/i }

# Everything that systemd reads of a unit: { text, settings, programs }, or undef if
# the generation does not have it.
sub unit_of {
    my ($generation, $unit) = @_;
    my @names = ($unit);
    push @names, "$1\@.$2" if $unit =~ /^([^@]+)@[^.]*\.([a-z]+)$/;
    my @directories = ("$generation/etc/systemd/system", "$generation/usr/lib/systemd/system");
    my ($main) = grep { -e $_ } map { my $name = $_; map { "$_/$name" } @directories } @names;
    return undef unless defined $main && -f $main && -s $main;
    my @files = ($main);
    for my $name (@names) {
        for my $directory (@directories) {
            push @files, sort glob("\Q$directory/$name.d\E/*.conf");
        }
    }
    my $text = join "\n", map { read_text($_) // "" } @files;
    my (%settings, @programs);
    for (split /\n/, $text) {
        my ($name, $value) = /^\s*([A-Za-z-]+)\s*=\s*(.*?)\s*$/ or next;
        $settings{$name} = $value;
        if ($name =~ /^Exec/ && $value =~ m{^[-@:+!|]*(/\S+)}) {
            my $program = $1;
            # The path stays the same when a package changes; the file does not.
            $program =~ s{^/(?:usr/)?(bin|sbin|lib|lib64|libexec)/}{$generation/usr/$1/} or next;
            my ($device, $inode) = stat $program;
            push @programs, "$device:$inode" if defined $inode;
        }
    }
    my $reload = $settings{"X-Reload-Triggers"} // "";
    $text =~ s/^X-Reload-Triggers=.*\n//mg;
    return { text => $text, settings => \%settings, programs => join(" ", @programs), reload => $reload };
}

# Programs that hold sessions, or that everything else hangs on.
my $never = qr/^(?:dbus|dbus-broker|systemd-logind|display-manager)\.service$|^(?:user|user-runtime-dir|getty|serial-getty|autovt)@/;

my %active;
for (`systemctl list-units --full --all --plain --no-legend`) {
    my ($unit, undef, $state) = split;
    $active{$unit} = 1 if defined $state && $state =~ /^(?:active|activating|reloading)$/;
}
my %failed_before = map { (split)[0] => 1 } `systemctl list-units --failed --plain --no-legend`;

my (%stop, %start, %restart, %reload, %skip);

# What a switch that was interrupted had still to do.
for (["start", \%start], ["restart", \%restart], ["reload", \%reload]) {
    my ($name, $list) = @$_;
    $list->{$_} = 1 for split /\n/, read_text("/run/nixos/$name-list") // "";
}

sub changed_service {
    my ($unit, $new) = @_;
    my $settings = $new->{settings};
    if ($unit =~ $never || is_true($settings->{RefuseManualStop}) || is_true($settings->{"X-OnlyManualStart"})) {
        $skip{$unit} = 1;
    } elsif (is_true($settings->{"X-ReloadIfChanged"})) {
        $reload{$unit} = 1;
    } elsif (defined $settings->{"X-RestartIfChanged"} && !is_true($settings->{"X-RestartIfChanged"})) {
        $skip{$unit} = 1;
    } elsif ($unit =~ /^systemd-/
        || (defined $settings->{"X-StopIfChanged"} && !is_true($settings->{"X-StopIfChanged"}))) {
        $restart{$unit} = 1;
    } else {
        $stop{$unit} = 1;
        my @sockets = split " ", $settings->{Sockets} // ($unit =~ s/\.service$/.socket/r);
        @sockets = grep { $active{$_} && unit_of($system, $_) } @sockets;
        if (@sockets && !is_true($settings->{"X-NotSocketActivated"})) {
            # Its sockets start it when somebody comes.
            $stop{$_} = $start{$_} = 1 for @sockets;
        } else {
            $start{$unit} = 1;
        }
    }
}

for my $unit (sort keys %active) {
    my $old = unit_of($running, $unit) // next;
    my $new = unit_of($system, $unit);
    my $is_gone = !defined $new;
    if ($is_gone) {
        my $stays = $old->{settings}{"X-StopOnRemoval"};
        $stop{$unit} = 1 if (!defined $stays || is_true($stays)) && $unit !~ $never;
        next;
    }
    if ($unit =~ /\.target$/) {
        # Starting a target again starts what has newly come to it.
        $start{$unit} = 1
            unless is_true($new->{settings}{RefuseManualStart}) || is_true($new->{settings}{"X-OnlyManualStart"});
        $stop{$unit} = 1 if is_true($new->{settings}{"X-StopOnReconfiguration"});
        next;
    }
    if ($old->{text} ne $new->{text} || $old->{programs} ne $new->{programs}) {
        if ($unit =~ /\.service$/) {
            changed_service($unit, $new);
        } elsif ($unit =~ /\.mount$/) {
            $reload{$unit} = 1;
        } elsif ($unit =~ /\.socket$/) {
            my $service = $new->{settings}{Service} // ($unit =~ s/\.socket$/.service/r);
            $stop{$unit} = $start{$unit} = 1;
            $stop{$service} = 1 if $active{$service};
        } elsif ($unit =~ /\.(?:timer|automount|swap)$/) {
            $stop{$unit} = $start{$unit} = 1;
        }
    } elsif ($old->{reload} ne $new->{reload}) {
        $reload{$unit} = 1;
    }
}

# Mounts of fstab are units that a generator makes.
sub mounts_of {
    my ($generation) = @_;
    my %mounts;
    for (split /\n/, read_text("$generation/etc/fstab") // "") {
        next if /^\s*(?:#|$)/;
        my ($device, $place, $type, $options) = split;
        next if $type eq "swap" || $place =~ m{^/(?:|nix|nix/store|usr)$};
        $place =~ s/\\(\d{3})/chr oct $1/ge;
        $mounts{$place} = [ $device, $type, $options ];
    }
    return \%mounts;
}

sub unit_name {
    open my $output, "-|", "systemd-escape", "--path", "--suffix=mount", "--", $_[0] or return "";
    my $name = <$output> // "";
    close $output;
    chomp $name;
    return $name;
}

my ($mounted, $wanted) = (mounts_of($running), mounts_of($system));
for my $place (sort keys %$mounted) {
    my $unit = unit_name($place);
    next unless $active{$unit};
    my ($old, $new) = ($mounted->{$place}, $wanted->{$place});
    if (!$new) {
        $stop{$unit} = 1;
    } elsif ($old->[0] ne $new->[0] || $old->[1] ne $new->[1]) {
        $stop{$unit} = $start{$unit} = 1;
    } elsif ($old->[2] ne $new->[2]) {
        $reload{$unit} = 1;
    }
}

sub report {
    my ($what, $units) = @_;
    my @names = sort grep { $_ !~ /\.target$/ } keys %$units;
    print "$what the following units: ", join(", ", @names), "\n" if @names;
}

# Activation scripts ask for restarts by these files, a unit a line.
sub asked_by_activation {
    my ($prefix) = @_;
    for (["restart", \%restart], ["reload", \%reload]) {
        my ($what, $list) = @$_;
        my $file = "/run/nixos/$prefix-$what-list";
        for my $unit (grep { $_ ne "" } split /\n/, read_text($file) // "") {
            $list->{$unit} = 1 unless $stop{$unit};
        }
        unlink $file;
    }
}

if ($action eq "dry-activate") {
    report("would stop", \%stop);
    report("would NOT restart", \%skip);
    print "would activate the configuration...\n";
    system("$system/dry-activate");
    asked_by_activation("dry-activation");
    report("would restart", \%restart);
    report("would reload", \%reload);
    report("would start", \%start);
    exit 0;
}

sub remember {
    for (["start", \%start], ["restart", \%restart], ["reload", \%reload]) {
        my ($name, $list) = @$_;
        open my $file, ">", "/run/nixos/$name-list" or next;
        print $file "$_\n" for sort keys %$list;
        close $file;
    }
}

sub systemctl {
    my ($verb, @units) = @_;
    return 1 unless @units;
    return system("systemctl", $verb, "--", @units) == 0;
}

my $status = 0;
remember();

if (%stop) {
    report("stopping", \%stop);
    systemctl("stop", sort keys %stop) or $status = 4;
}
report("NOT restarting", \%skip);

if (readlink_all("$running/usr") ne readlink_all("$system/usr")) {
    # A mount over the old /usr; programs that run keep the files they have open.
    my $usr = readlink_all("$system/usr");
    system("mount", "--bind", $usr, "/usr") == 0 or die "cannot put $usr in place\n";
    system("mount", "-o", "remount,bind,ro,nodev", "/usr");
}

print "activating the configuration...\n";
system("$system/activate") == 0 or $status = 2;
asked_by_activation("activation");

my @manager = map { join ":", (stat "$_/usr/lib/systemd/systemd")[0, 1] } $running, $system;
system("systemctl", $manager[0] eq $manager[1] ? "daemon-reload" : "daemon-reexec") == 0 or $status = 3;
system("systemctl reset-failed >/dev/null 2>&1");

# systemd-tmpfiles(8): 65 and 73 tell of lines that could not be carried out.
system("systemd-tmpfiles", "--create", "--remove", "--exclude-prefix=/dev");

if (%reload) {
    report("reloading", \%reload);
    systemctl("reload", sort keys %reload) or $status = 4;
}
if (%restart) {
    report("restarting", \%restart);
    systemctl("restart", sort keys %restart) or $status = 4;
}
report("starting", \%start);
systemctl("start", sort keys %start) or $status = 4;
unlink map { "/run/nixos/$_-list" } "start", "restart", "reload";

# Managers of users who are logged in know the new units too.
for (`loginctl list-users --no-legend`) {
    my (undef, $user) = split;
    next unless defined $user && $user =~ /^[a-z_][a-z0-9_.-]*$/;
    system("systemctl", "--user", "--machine=$user\@.host", "--quiet", "daemon-reload");
    system("systemctl", "--user", "--machine=$user\@.host", "--quiet", "start", "nixos-activation.service")
        if -e "$system/etc/systemd/user/nixos-activation.service";
}

my (@new, @failed);
for (`systemctl list-units --full --all --plain --no-legend`) {
    my ($unit, undef, $state, $sub) = split;
    next unless defined $sub;
    push @failed, $unit if $state eq "failed" || $sub eq "auto-restart";
    push @new, $unit if $state eq "active" && !$active{$unit} && !$start{$unit} && $unit =~ /\.(?:service|socket|timer)$/;
}
print "the following new units were started: ", join(", ", sort @new), "\n" if @new;
if (@failed) {
    print STDERR "warning: the following units failed: ", join(", ", sort @failed), "\n";
    system("systemctl", "status", "--no-pager", "--full", "--", $_) for grep { !$failed_before{$_} } @failed;
    $status = 4;
}
exit $status;
