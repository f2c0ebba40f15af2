# Whether the programs of a service are others in a generation.
#
# On NixOS a program's path changes with it, and so does the unit. Here it is
# /usr/bin/NAME for ever: what counts is the content of the files that the service's
# processes have mapped, programs and libraries, and of what its commands name.
package Programs;
use strict;
use warnings;
use UnitFile;

sub new {
    my ($class, $usr) = @_;
    my %self = (usr => $usr, compared => {});
    # Nothing can have changed where the tree is the same.
    $self{same} = identity("/usr") eq identity($usr);
    return bless \%self, $class;
}

sub identity {
    my @stat = stat $_[0];
    return @stat ? "$stat[0]:$stat[1]" : "";
}

sub have_changed {
    my ($self, $state, $unit) = @_;
    return 0 if $self->{same};
    for my $command (map { UnitFile::values_of($unit, "Service", $_) } qw(ExecStart ExecStartPre ExecStartPost)) {
        my ($program) = $command =~ m{^[-@:+!|]*"?([^\s"]+)} or next;
        my @places = $program =~ m{/} ? $program : map { "/usr/$_/$program" } qw(bin sbin);
        my ($file) = grep { -e $_ } @places;
        return 1 if defined $file && $self->differs($file, $file);
    }
    my $mapped = mapped_files(processes_of($state));
    return !!grep { $self->differs($_, $mapped->{$_}) } sort keys %$mapped;
}

# The processes of a unit, without those in groups below its own: containers, sessions.
sub processes_of {
    my ($state) = @_;
    my %processes;
    $processes{ $state->{MainPID} } = 1 if $state->{MainPID};
    if ($state->{ControlGroup} && open my $file, "<", "/sys/fs/cgroup$state->{ControlGroup}/cgroup.procs") {
        chomp(my @lines = <$file>);
        $processes{$_} = 1 for @lines;
        close $file;
    }
    return sort keys %processes;
}

# Executable mappings of processes: path, and the way to the very file (proc_pid_map_files(5)),
# which may be that of a generation before. In containers nobody may go there: the path is the
# way as long as it leads to the same file.
sub mapped_files {
    my %files;
    for my $process (@_) {
        open my $maps, "<", "/proc/$process/maps" or next;
        while (<$maps>) {
            my ($range, $inode, $path) = m{^(\S+) ..x. \S+ \S+ (\d+)\s+(/.*)$} or next;
            $path =~ s/ \(deleted\)$//;
            next if exists $files{$path};
            my $file = "/proc/$process/map_files/$range";
            $files{$path} = -e $file || ((stat $path)[1] // 0) != $inode ? $file : $path;
        }
        close $maps;
    }
    return \%files;
}

# Whether the new tree has something else, or nothing, where a path below /usr leads to.
sub differs {
    my ($self, $path, $file) = @_;
    my ($below) = $path =~ m{^/(?:usr/)?((?:bin|sbin|lib|lib64|libexec|share)/.*)$} or return 0;
    my $old = identity($file);
    # A process that is gone has nothing mapped any more.
    return 0 if $old eq "";
    my $new = "$self->{usr}/$below";
    return $self->{compared}{"$old $below"} //= $old ne identity($new) && !has_same_content($file, $new) ? 1 : 0;
}

sub has_same_content {
    my ($one, $other) = @_;
    open my $left, "<:raw", $one or return 0;
    open my $right, "<:raw", $other or return 0;
    return 0 if -s $left != -s $right;
    my ($first, $second);
    while (read $left, $first, 1 << 18) {
        read $right, $second, 1 << 18;
        return 0 if $first ne $second;
    }
    return 1;
}

1;
