# unpack.pl COMMAND...: runs the command, whose input comes in pieces:
#
#   r SIZE and SIZE bytes   as they are
#   z SIZE and SIZE bytes   a frame of zstd
#
# SIZE has four bytes, the most significant first. Every piece is handed on before
# the next is waited for, as the command may be asked something in between.
use strict;
use warnings;

$SIG{__DIE__} = sub { print STDERR "@_"; exit 1 };
# A command that is gone has said why.
$SIG{PIPE} = "IGNORE";
open my $command, "|-", @ARGV or die "cannot run $ARGV[0]: $!\n";

sub take {
    my ($size) = @_;
    my $bytes = "";
    while (length $bytes < $size) {
        sysread(STDIN, $bytes, $size - length $bytes, length $bytes) or return undef;
    }
    return $bytes;
}

sub give {
    my ($to, $bytes) = @_;
    for (my $done = 0; $done < length $bytes;) {
        $done += syswrite($to, $bytes, length($bytes) - $done, $done) || return 0;
    }
    return 1;
}

while (defined(my $head = take(5))) {
    my ($kind, $size) = unpack "aN", $head;
    my $bytes = take($size);
    last unless defined $bytes;
    if ($kind eq "r") {
        give($command, $bytes) or last;
    } elsif ($kind eq "z") {
        open my $saved, ">&", \*STDOUT or die "cannot keep a stream: $!\n";
        open STDOUT, ">&", $command or die "cannot lend a stream: $!\n";
        open my $zstd, "|-", "zstd", "-d", "-c", "-q" or die "cannot run zstd: $!\n";
        open STDOUT, ">&", $saved or die "cannot take a stream back: $!\n";
        give($zstd, $bytes);
        close $zstd or last;
    } else {
        die "an unknown piece: $kind\n";
    }
}
close $command;
exit($? >> 8 || ($? ? 1 : 0));
