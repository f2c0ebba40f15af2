# Files where a boot loader reads them: written beside the old ones, on the disk, and
# then renamed, as file systems of boot loaders have no journal, and no links.
package BootFiles;
use strict;
use warnings;
use Cwd qw(abs_path);

sub read_file {
    my ($path) = @_;
    open my $file, "<:raw", $path or die "cannot read $path: $!\n";
    local $/;
    my $content = <$file>;
    close $file;
    return $content // "";
}

# The text of a file without its last newline; undef if there is none.
sub read_text {
    my ($path) = @_;
    return undef unless -f $path;
    return read_file($path) =~ s/\n\z//r;
}

# Settings of a file, one a line: name, space, value.
sub read_settings {
    my ($path) = @_;
    my $text = read_text($path) // return undef;
    return { map { my ($key, $value) = split / /, $_, 2; $key => $value // "" } split /\n/, $text };
}

# What is there already is left alone. A file that cannot be written whole is not there at all.
sub write_file {
    my ($path, $content) = @_;
    return if -f $path && -s _ == length $content && read_file($path) eq $content;
    my $new = "$path.tmp";
    my $file;
    open $file, ">:raw", $new or die "cannot make $new: $!\n";
    my $written = print $file $content;
    $written = close($file) && $written;
    my $reason = $!;
    return if $written && system("sync", $new) == 0 && rename $new, $path;
    unlink $new;
    die "cannot write $path", $written ? "" : ": $reason", "\n";
}

sub copy_file {
    my ($from, $to) = @_;
    write_file($to, read_file($from));
}

# Whole or not there at all.
sub copy_tree {
    my ($from, $to) = @_;
    return if -d $to;
    my $new = "$to.tmp";
    system("rm", "-rf", $new);
    if (system("cp", "-rL", "--no-preserve=all", "$from/.", $new) != 0) {
        system("rm", "-rf", $new);
        die "cannot copy $from to $to\n";
    }
    system("sync", "-f", $new);
    rename $new, $to or die "cannot make $to: $!\n";
}

sub make_directories {
    my ($path) = @_;
    my $built = "";
    for my $part (grep { $_ ne "" } split m{/}, $path) {
        $built .= "/$part";
        next if -d $built;
        mkdir $built or die "cannot make $built: $!\n";
    }
}

sub names_in {
    my ($directory) = @_;
    opendir my $handle, $directory or return ();
    my @names = sort grep { !/^\./ } readdir $handle;
    closedir $handle;
    return @names;
}

# What an interrupted run left half done.
sub remove_leftovers {
    my ($directory) = @_;
    my @left = map { "$directory/$_" } grep { /\.tmp$/ } names_in($directory);
    system("rm", "-rf", "--", @left) if @left;
}

# The name beside a boot loader of a file of the store: it tells the content, so
# generations share files.
sub boot_name {
    my ($path) = @_;
    return abs_path($path) =~ s{^/nix/store/}{}r =~ s{/}{-}gr;
}

1;
