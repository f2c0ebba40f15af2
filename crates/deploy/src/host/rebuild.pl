# rebuild.pl STORE-PATH BASE-PATH LOCK: makes a store path out of another one that
# it resembles, by hard links, and what comes on standard input: fields that
# end in NUL.
#
#   ENTRIES BYTES                         what the tree holds in the end
#   - PATH                                nothing is there any more
#   d PATH                                a directory
#   l PATH TARGET                         a symlink
#   h PATH SOURCE                         a hard link to a file of a store path
#   f|x PATH SIZE SHA256 and SIZE bytes   a file, or one that can be run
#   .                                     the end
#
# It is registered only when every file that came has its hash, and the tree as
# many entries and bytes as it must. The rest of its contents are the files
# of valid paths themselves.
use strict;
use warnings;
use Fcntl qw(:flock :mode);

$| = 1;
binmode STDIN;
# Perl would exit with whatever errno holds.
$SIG{__DIE__} = sub { print STDERR "@_"; exit 1 };
my ($path, $base, $lock) = @ARGV;
my $store = "/nix/store/";
die "not a store path: $_\n" for grep { !m{^/nix/store/[0-9a-df-np-sv-z]{32}-[0-9a-zA-Z+._?=-]+\z} } $path, $base;

# Collectors of Nix take it exclusively: nothing is collected meanwhile.
open my $gc, ">>", $lock or die "cannot open $lock: $!\n";
flock $gc, LOCK_SH or die "cannot lock $lock: $!\n";

sub field {
    local $/ = "\0";
    my $text = <STDIN>;
    die "what came breaks off\n" unless defined $text && $text =~ s/\0\z//;
    return $text;
}

my $work = "$path.hostwright";
sub place {
    my ($name) = @_;
    die "not a path inside a tree: $name\n" if $name eq "" || grep { $_ eq "" || $_ eq "." || $_ eq ".." } split m{/}, $name, -1;
    my $real = $work;
    my @parts = split m{/}, $name;
    pop @parts;
    for (@parts) {
        $real .= "/$_";
        die "not a directory: $real\n" if -l $real || !-d $real;
    }
    return "$work/$name";
}

system("rm", "-rf", "--", $work) == 0 or die "cannot remove $work\n";
system("cp", "-al", "--", $base, $work) == 0 or die "cannot link the files of $base\n";

my ($entries, $bytes) = (field(), field());
my (%changed, @hashes);
sub touched {
    my ($place) = @_;
    my ($parent) = $place =~ m{^(.*)/};
    $changed{$parent} = 1;
}
while ((my $kind = field()) ne ".") {
    my $place = place(field());
    touched($place);
    if ($kind eq "-") {
        system("rm", "-rf", "--", $place) == 0 or die "cannot remove $place\n";
    } elsif ($kind eq "d") {
        mkdir $place, 0755 or die "cannot make $place: $!\n";
        $changed{$place} = 1;
    } elsif ($kind eq "l") {
        symlink field(), $place or die "cannot make $place: $!\n";
        # Every time in a store is the first second.
        system("touch", "-h", "-d", "\@1", "--", $place) == 0 or die "cannot set the time of $place\n";
    } elsif ($kind eq "h") {
        my $source = field();
        die "not in the store: $source\n" if $source !~ m{^\Q$store\E} || $source =~ m{/\.\.?(?:/|\z)};
        die "not a file: $source\n" if -l $source || !-f $source;
        link $source, $place or die "cannot link $source: $!\n";
    } elsif ($kind eq "f" || $kind eq "x") {
        my ($size, $hash) = (field(), field());
        open my $file, ">:raw", $place or die "cannot make $place: $!\n";
        for (my $left = $size; $left > 0;) {
            my $got = read STDIN, my $piece, $left > 65536 ? 65536 : $left;
            die "what came breaks off\n" unless $got;
            print $file $piece or die "cannot write $place: $!\n";
            $left -= $got;
        }
        close $file or die "cannot write $place: $!\n";
        chmod $kind eq "x" ? 0555 : 0444, $place or die "cannot change $place: $!\n";
        utime 1, 1, $place or die "cannot set the time of $place: $!\n";
        die "a name that sha256sum cannot be given: $place\n" if $place =~ /[\n\\]/;
        push @hashes, "$hash  $place\n";
    } else {
        die "an unknown step: $kind\n";
    }
}
if (@hashes) {
    open my $check, "|-", "sha256sum", "--check", "--quiet", "--strict", "-" or die "cannot run sha256sum: $!\n";
    print $check @hashes;
    close $check or die "what came is not what was sent\n";
}
for (sort { length $b <=> length $a } grep { -d $_ && !-l $_ } keys %changed) {
    chmod 0555, $_ or die "cannot change $_: $!\n";
    utime 1, 1, $_ or die "cannot set the time of $_: $!\n";
}

my ($have_entries, $have_bytes) = (0, 0);
my @open = ($work);
while (defined(my $directory = pop @open)) {
    opendir my $handle, $directory or die "cannot read $directory: $!\n";
    for (readdir $handle) {
        next if $_ eq "." || $_ eq "..";
        my ($mode, $size) = (lstat "$directory/$_")[2, 7];
        $have_entries++;
        if (S_ISDIR($mode)) {
            push @open, "$directory/$_";
        } elsif (S_ISREG($mode)) {
            $have_bytes += $size;
        }
    }
    closedir $handle;
}
die "the tree has $have_entries entries and $have_bytes bytes instead of $entries and $bytes\n"
    unless $have_entries == $entries && $have_bytes == $bytes;

# What is there and not valid was left by somebody who was interrupted.
system("rm", "-rf", "--", $path) == 0 or die "cannot remove $path\n";
system("sync", "-f", $work) == 0 or die "cannot write $work to the disk\n";
rename $work, $path or die "cannot rename $work: $!\n";
my @registration = ($path, map { field() } 1 .. 4);
push @registration, map { field() } 1 .. $registration[4];
open my $register, "|-", "nix-store", "--load-db" or die "cannot run nix-store: $!\n";
print $register map { "$_\n" } @registration;
close $register or die "cannot register $path\n";
