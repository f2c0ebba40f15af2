# Makes /etc follow the tree of a generation: setup-etc.pl TREE
#
# TREE/etc is what /etc/static is to point to. Each file of it becomes a link
# /etc/NAME -> /etc/static/NAME, or a copy where TREE/copies says so. Whatever is
# replaced is written beside it first and renamed into place, so an interruption
# leaves either the old file or the new one; running again completes the work.
use strict;
use warnings;

my $tree = $ARGV[0] or die "usage: setup-etc.pl TREE\n";
my $etc = "/etc";
my $static = "$etc/static";
my $failed = 0;

sub complain {
    print STDERR "setup-etc: @_\n";
    $failed = 1;
}

# Replaces whatever file is at $path by a link to $target.
sub place_link {
    my ($target, $path) = @_;
    my $current = readlink $path;
    return if defined $current && $current eq $target;
    if (-d $path && !-l $path) {
        # What a package manager or a program left; only an empty one gives way.
        rmdir $path or return complain("$path is a directory that is not empty; it is left as it is");
    }
    my $new = "$path.setup-etc";
    unlink $new;
    symlink $target, $new or return complain("cannot make $new: $!");
    rename $new, $path or complain("cannot replace $path: $!");
}

sub is_ours {
    my ($path) = @_;
    my $target = readlink $path;
    return defined $target && index($target, "$static/") == 0;
}

sub make_directory {
    my ($path) = @_;
    return if -d $path && !-l $path;
    # A generation before this one linked the whole directory.
    unlink $path if -l $path || -e $path;
    mkdir $path, 0755 or complain("cannot make $path: $!");
}

sub read_lines {
    my ($path) = @_;
    open my $file, "<", $path or return ();
    my @lines = <$file>;
    close $file;
    chomp @lines;
    return @lines;
}

sub number_of {
    my ($name, $look_up) = @_;
    return $1 if $name =~ /^\+?(\d+)$/;
    my $number = $look_up->($name);
    complain("there is no user or group `$name'") unless defined $number;
    return $number;
}

my %copies;
for (read_lines("$tree/copies")) {
    my ($mode, $user, $group, $target) = split / /, $_, 4;
    $copies{$target} = [ $mode, $user, $group ];
}
my %direct = map { $_ => 1 } read_lines("$tree/direct-links");

sub place_copy {
    my ($source, $path, $mode, $user, $group) = @_;
    my $uid = number_of($user, sub { scalar getpwnam $_[0] });
    my $gid = number_of($group, sub { scalar getgrnam $_[0] });
    return unless defined $uid && defined $gid;
    open my $in, "<", $source or return complain("cannot read $source: $!");
    local $/;
    my $content = <$in>;
    close $in;
    my $new = "$path.setup-etc";
    unlink $new;
    umask 0077;
    open my $out, ">", $new or return complain("cannot make $new: $!");
    my $written = print $out $content;
    $written = close($out) && $written;
    umask 0022;
    return complain("cannot write $new: $!") unless $written;
    chown $uid, $gid, $new or return complain("cannot own $new: $!");
    chmod oct $mode, $new or return complain("cannot set the mode of $new: $!");
    if (-d $path && !-l $path) {
        unlink $new;
        return complain("$path is a directory; it is left as it is");
    }
    rename $new, $path or complain("cannot replace $path: $!");
}

my %placed_copies;

sub walk {
    my ($below) = @_;
    my $from = "$tree/etc" . ($below eq "" ? "" : "/$below");
    opendir my $directory, $from or return complain("cannot read $from: $!");
    my @names = sort grep { $_ ne "." && $_ ne ".." } readdir $directory;
    closedir $directory;
    for my $name (@names) {
        my $relative = $below eq "" ? $name : "$below/$name";
        my $source = "$tree/etc/$relative";
        my $path = "$etc/$relative";
        if (my $copy = $copies{$relative}) {
            $placed_copies{$relative} = 1;
            place_copy($source, $path, @$copy);
        } elsif (-d $source && !-l $source) {
            make_directory($path);
            walk($relative);
        } elsif ($direct{$relative}) {
            place_link(readlink $source, $path);
        } else {
            place_link("$static/$relative", $path);
        }
    }
}

# Links into /etc/static whose file this generation no longer has.
sub remove_stale {
    my ($below) = @_;
    my $here = $below eq "" ? $etc : "$etc/$below";
    opendir my $directory, $here or return;
    my @names = grep { $_ ne "." && $_ ne ".." } readdir $directory;
    closedir $directory;
    for my $name (@names) {
        my $relative = $below eq "" ? $name : "$below/$name";
        next if $relative eq "static";
        my $path = "$etc/$relative";
        if (-l $path) {
            next unless is_ours($path);
            my $source = "$tree/etc/$relative";
            unlink $path unless -l $source || -e $source;
        } elsif (-d $path) {
            remove_stale($relative);
            # Gone if nothing is left in a directory that we alone had filled.
            rmdir $path unless -d "$tree/etc/$relative" || !-e "$static/$relative";
        }
    }
}

my @earlier_copies = read_lines("$etc/.clean");

remove_stale("");
place_link("$tree/etc", $static);
walk("");

for my $relative (@earlier_copies) {
    next if $placed_copies{$relative};
    my $source = "$tree/etc/$relative";
    unlink "$etc/$relative" unless -l $source || -e $source;
}

# Which copies are ours to remove one day.
if (open my $clean, ">", "$etc/.clean.setup-etc") {
    print $clean "$_\n" for sort keys %placed_copies;
    close $clean or complain("cannot write $etc/.clean: $!");
    rename "$etc/.clean.setup-etc", "$etc/.clean" or complain("cannot replace $etc/.clean: $!");
} else {
    complain("cannot write $etc/.clean: $!");
}

exit $failed;
