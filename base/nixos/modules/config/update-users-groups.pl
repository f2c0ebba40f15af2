# Makes users and groups what is declared: update-users-groups.pl SPECIFICATION SYSUSERS
#
# SYSUSERS is a directory of files in the form of sysusers.d(5), by which packages
# declare the users and groups that they need.
#
# Numbers once given out are kept in /var/lib/nixos/{uid,gid}-map, so that a user
# who goes and comes back owns the same files. Each file is written beside the
# old one and renamed into place.
use strict;
use warnings;

my $state = "/var/lib/nixos";
mkdir $state, 0755 unless -d $state;
my $dry = ($ENV{NIXOS_ACTION} // "") eq "dry-activate";

sub complain { print STDERR "users: @_\n" }

sub read_lines {
    my ($path) = @_;
    open my $file, "<", $path or return ();
    my @lines = <$file>;
    close $file;
    chomp @lines;
    return @lines;
}

sub write_file {
    my ($path, $mode, $gid, $content) = @_;
    return if $dry;
    my $new = "$path.new";
    unlink $new;
    umask 0077;
    open my $file, ">", $new or die "users: cannot make $new: $!\n";
    print $file $content or die "users: cannot write $new: $!\n";
    close $file or die "users: cannot write $new: $!\n";
    umask 0022;
    chown 0, $gid, $new or die "users: cannot own $new: $!\n";
    chmod $mode, $new or die "users: cannot set the mode of $new: $!\n";
    rename $new, $path or die "users: cannot replace $path: $!\n";
}

# {"name":number,…}: the maps that NixOS keeps too.
sub read_map {
    my ($path) = @_;
    my %map;
    for my $line (read_lines($path)) {
        $map{$1} = $2 while $line =~ /"([^"]+)"\s*:\s*(\d+)/g;
    }
    return \%map;
}

sub write_map {
    my ($path, $map) = @_;
    write_file($path, 0644, 0, "{" . join(",", map { "\"$_\":$map->{$_}" } sort keys %$map) . "}\n");
}

sub given {
    my ($field) = @_;
    return $field =~ /^=(.*)$/s ? $1 : undef;
}

sub salt {
    open my $random, "<:raw", "/dev/urandom" or die "users: no random numbers: $!\n";
    read $random, my $bytes, 16;
    close $random;
    my @digits = ("." , "/", "0" .. "9", "A" .. "Z", "a" .. "z");
    return join "", map { $digits[ord($_) & 63] } split //, $bytes;
}

# SHA-512, which every libcrypt has (crypt(5)).
sub hash_password {
    my ($password) = @_;
    my $salt = salt();
    my $hash = crypt $password, "\$6\$$salt\$";
    die "users: cannot hash a password\n" unless defined $hash && length $hash > 20;
    return $hash;
}

# Days since 1970 of YYYY-MM-DD, by the civil calendar.
sub days {
    my ($year, $month, $day) = $_[0] =~ /^(\d+)-(\d+)-(\d+)$/ or return "";
    $year-- if $month <= 2;
    my $era = int($year / 400);
    my $of_era = $year - $era * 400;
    my $of_year = int((153 * ($month + ($month > 2 ? -3 : 9)) + 2) / 5) + $day - 1;
    my $of_days = $of_era * 365 + int($of_era / 4) - int($of_era / 100) + $of_year;
    return $era * 146097 + $of_days - 719468;
}

my (%declared_groups, %declared_users, $mutable);
for (read_lines($ARGV[0])) {
    my ($kind, @fields) = split /\t/, $_, -1;
    if ($kind eq "mutable") {
        $mutable = $fields[0];
    } elsif ($kind eq "group") {
        my ($name, $gid, $members) = @fields;
        $declared_groups{$name} = { gid => given($gid), members => [ split /,/, $members ] };
    } elsif ($kind eq "user") {
        my %user;
        (my $name, @user{qw(uid group description home shell system create mode
            hashed plain file initialHashed initialPlain expires auto subuids subgids)}) = @fields;
        $user{$_} = given($user{$_})
            for qw(uid description hashed plain file initialHashed initialPlain expires);
        $declared_users{$name} = \%user;
    }
}

# What packages need; the configuration has the last word.
my @sysusers;
if (opendir my $directory, $ARGV[1] // "") {
    @sysusers = map { read_lines("$ARGV[1]/$_") } sort grep { /\.conf$/ } readdir $directory;
    closedir $directory;
}
for (@sysusers) {
    next if /^\s*(?:#|$)/ || /%/;
    my @fields = map { /^"(.*)"$/ ? $1 : $_ } /("[^"]*"|\S+)/g;
    my ($kind, $name, $id, $description, $home, $shell) = @fields;
    next unless defined $name && $name =~ /^[a-z_][a-z0-9_-]*$/;
    my ($number, $group) = ($id // "-") =~ /^(\d+|-)(?::(.+))?$/ or next;
    $number = undef if $number eq "-";
    if ($kind =~ /^u!?$/) {
        $declared_groups{$name} //= { gid => $number, members => [] } unless defined $group;
        $declared_users{$name} //= {
            uid => $number, group => $group // $name, system => 1, create => 0, auto => 0, mode => "755",
            description => defined $description && $description ne "-" ? $description : "",
            home => defined $home && $home ne "-" ? $home : "/",
            shell => defined $shell && $shell ne "-" ? $shell : "/usr/sbin/nologin",
            subuids => "", subgids => "",
        };
    } elsif ($kind eq "g") {
        $declared_groups{$name} //= { gid => $number, members => [] };
    }
}
for (@sysusers) {
    my ($user, $group) = /^m\s+(\S+)\s+(\S+)/ or next;
    push @{ $declared_groups{$group}{members} }, $user if $declared_groups{$group} && $declared_users{$user};
}

# What the host has.
my (%groups, %users, %shadow);
for (read_lines("/etc/group")) {
    my ($name, undef, $gid, $members) = split /:/, $_, -1;
    $groups{$name} = { gid => $gid, members => [ split /,/, $members // "" ] } if defined $gid && $gid =~ /^\d+$/;
}
for (read_lines("/etc/passwd")) {
    my ($name, undef, $uid, $gid, $description, $home, $shell) = split /:/, $_, -1;
    $users{$name} = { uid => $uid, gid => $gid, description => $description, home => $home, shell => $shell }
        if defined $shell && $uid =~ /^\d+$/;
}
for (read_lines("/etc/shadow")) {
    my ($name, @rest) = split /:/, $_, -1;
    $shadow{$name} = \@rest if @rest >= 8;
}

my $uid_map = read_map("$state/uid-map");
my $gid_map = read_map("$state/gid-map");
my %was_declared_user = map { $_ => 1 } read_lines("$state/declared-users");
my %was_declared_group = map { $_ => 1 } read_lines("$state/declared-groups");

my (%uids_taken, %gids_taken);
$uids_taken{$_->{uid}} = 1 for grep { defined $_->{uid} } values %declared_users, values %users;
$uids_taken{$_} = 1 for values %$uid_map;
$gids_taken{$_->{gid}} = 1 for grep { defined $_->{gid} } values %declared_groups, values %groups;
$gids_taken{$_} = 1 for values %$gid_map;

sub allocate {
    my ($taken, @candidates) = @_;
    for my $number (@candidates) {
        next if $taken->{$number};
        $taken->{$number} = 1;
        return $number;
    }
    die "users: no number is left to give out\n";
}
# Downwards from 999, as Debian's own programs count for the system.
my @system_numbers = reverse 400 .. 999;
my @normal_numbers = 1000 .. 29999;

sub number_of {
    my ($name, $wanted, $existing, $map, $taken, @candidates) = @_;
    return $wanted if defined $wanted;
    return $map->{$name} if defined $map->{$name};
    return $existing if defined $existing;
    return allocate($taken, @candidates);
}

# Groups.
my %new_groups;
for my $name (sort keys %declared_groups) {
    my $group = $declared_groups{$name};
    my $existing = $groups{$name};
    my $gid = number_of($name, $group->{gid}, $existing && $existing->{gid}, $gid_map, \%gids_taken, @system_numbers);
    $gid_map->{$name} = $gid;
    my %members = map { $_ => 1 } @{ $group->{members} };
    if ($mutable && $existing) {
        $members{$_} = 1 for @{ $existing->{members} };
    }
    $new_groups{$name} = { gid => $gid, members => \%members };
}
if ($mutable) {
    for my $name (keys %groups) {
        next if $new_groups{$name} || $was_declared_group{$name};
        $new_groups{$name} = { gid => $groups{$name}{gid}, members => { map { $_ => 1 } @{ $groups{$name}{members} } } };
    }
}

# Users.
my %new_users;
for my $name (sort keys %declared_users) {
    my $user = $declared_users{$name};
    my $existing = $users{$name};
    my $uid = number_of($name, $user->{uid}, $existing && $existing->{uid}, $uid_map, \%uids_taken,
        $user->{system} ? @system_numbers : @normal_numbers);
    $uid_map->{$name} = $uid;
    my $group = $new_groups{ $user->{group} };
    my $gid = $group ? $group->{gid} : $user->{group};
    if ($gid !~ /^\d+$/) {
        complain("the group `$user->{group}' of `$name' does not exist");
        $gid = 65534;
    }
    # What `chfn' and `chsh' changed stays on a host with mutable users.
    $new_users{$name} = {
        uid => $uid, gid => $gid, home => $user->{home},
        description => $user->{description} // "", shell => $user->{shell},
    };
}
if ($mutable) {
    for my $name (keys %users) {
        next if $new_users{$name} || $was_declared_user{$name};
        $new_users{$name} = $users{$name};
    }
}

# Members that do not exist would be let in under a number given out later.
for my $group (values %new_groups) {
    delete $group->{members}{$_} for grep { !$new_users{$_} } keys %{ $group->{members} };
}

# Passwords.
my $today = int(time / 86400);
my %new_shadow;
for my $name (sort keys %new_users) {
    my $user = $declared_users{$name};
    my $existing = $shadow{$name};
    my @entry = $existing ? @$existing : ("!", $today > 365 ? $today : 1, "", "", "", "", "", "");
    if ($user) {
        my $password;
        if (defined $user->{file}) {
            my ($line) = read_lines($user->{file});
            if (defined $line) { $password = $line }
            else { complain("cannot read the password of `$name' from $user->{file}") }
        } elsif (defined $user->{plain}) {
            my $current = $entry[0];
            # A new salt at each boot would change the file for nothing.
            $password = $current =~ /^\$/ && (crypt($user->{plain}, $current) // "") eq $current
                ? $current : hash_password($user->{plain});
        } elsif (defined $user->{hashed}) {
            $password = $user->{hashed};
        }
        if (!defined $password && (!$existing || !$mutable)) {
            if (defined $user->{initialPlain}) {
                $password = $existing && $existing->[0] =~ /^\$/
                    && (crypt($user->{initialPlain}, $existing->[0]) // "") eq $existing->[0]
                    ? $existing->[0] : hash_password($user->{initialPlain});
            } elsif (defined $user->{initialHashed}) {
                $password = $user->{initialHashed};
            } elsif (!$mutable) {
                $password = "!";
            }
        }
        $entry[0] = $password if defined $password;
        $entry[6] = defined $user->{expires} ? days($user->{expires}) : $mutable ? $entry[6] : "";
    }
    $new_shadow{$name} = \@entry;
}

sub by_number {
    my ($table, $key) = @_;
    return sort { $table->{$a}{$key} <=> $table->{$b}{$key} || $a cmp $b } keys %$table;
}

my $shadow_gid = $new_groups{shadow} ? $new_groups{shadow}{gid} : 0;

write_file("/etc/group", 0644, 0, join "", map {
    my $group = $new_groups{$_};
    "$_:x:$group->{gid}:" . join(",", sort keys %{ $group->{members} }) . "\n"
} by_number(\%new_groups, "gid"));
write_file("/etc/gshadow", 0640, $shadow_gid, join "", map {
    "$_:!::" . join(",", sort keys %{ $new_groups{$_}{members} }) . "\n"
} by_number(\%new_groups, "gid"));
write_file("/etc/passwd", 0644, 0, join "", map {
    my $user = $new_users{$_};
    "$_:x:$user->{uid}:$user->{gid}:$user->{description}:$user->{home}:$user->{shell}\n"
} by_number(\%new_users, "uid"));
write_file("/etc/shadow", 0640, $shadow_gid, join "", map {
    join(":", $_, @{ $new_shadow{$_} }) . "\n"
} by_number(\%new_users, "uid"));

# Subordinate ranges: given ones as they are, others handed out once.
my $ranges = read_map("$state/auto-subuid-map");
my %range_taken = map { $_ => 1 } values %$ranges;
my (@subuids, @subgids);
for my $name (by_number(\%new_users, "uid")) {
    my $user = $declared_users{$name} or next;
    push @subuids, "$name:$_" for split /,/, $user->{subuids};
    push @subgids, "$name:$_" for split /,/, $user->{subgids};
    next unless $user->{auto};
    unless (defined $ranges->{$name}) {
        my $start = 100000;
        $start += 65536 while $range_taken{$start};
        $range_taken{$start} = 1;
        $ranges->{$name} = $start;
    }
    push @subuids, "$name:$ranges->{$name}:65536";
    push @subgids, "$name:$ranges->{$name}:65536";
}
write_file("/etc/subuid", 0644, 0, join "", map { "$_\n" } @subuids);
write_file("/etc/subgid", 0644, 0, join "", map { "$_\n" } @subgids);

write_map("$state/auto-subuid-map", $ranges);
write_map("$state/uid-map", $uid_map);
write_map("$state/gid-map", $gid_map);
write_file("$state/declared-users", 0644, 0, join "", map { "$_\n" } sort keys %declared_users);
write_file("$state/declared-groups", 0644, 0, join "", map { "$_\n" } sort keys %declared_groups);

# Home directories.
for my $name (sort keys %declared_users) {
    my $user = $declared_users{$name};
    next unless $user->{create} && !$dry;
    my $home = $user->{home};
    next if -e $home;
    my $path = "";
    for my $part (split m{/}, $home) {
        next if $part eq "";
        $path .= "/$part";
        mkdir $path, 0755 unless -d $path;
    }
    chown $new_users{$name}{uid}, $new_users{$name}{gid}, $home or complain("cannot own $home: $!");
    chmod oct $user->{mode}, $home or complain("cannot set the mode of $home: $!");
}
