#!/usr/bin/perl
# What a switch decides for each kind of unit and of change: the situations and the
# outcomes of nixpkgs' nixos/tests/switch-test.nix, without a machine. Prints what
# does not hold, and the count.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);

my $program;

BEGIN {
    ($program) = abs_path($0) =~ m{^(.*)/tests/activation/[^/]+$};
    $program .= "/nixos/modules/system/activation/switch-to-configuration";
    unshift @INC, $program;
}

use Decisions;
use FileSystems;
use Plan;
use UnitFile;

my ($passed, $failed) = (0, 0);

sub check {
    my ($what, $is, $wanted) = @_;
    if ($is eq $wanted) {
        $passed++;
    } else {
        $failed++;
        print "$what:\n  wanted $wanted\n  found  $is\n";
    }
}

# A directory with files; undef makes a link to /dev/null.
sub directory {
    my ($files) = @_;
    my $directory = tempdir(CLEANUP => 1);
    for my $name (sort keys %$files) {
        my $path = "$directory/$name";
        mkdir $path =~ s{/[^/]*$}{}r;
        if (defined $files->{$name}) {
            open my $file, ">", $path or die "$path: $!";
            print $file $files->{$name};
            close $file;
        } else {
            symlink "/dev/null", $path;
        }
    }
    return $directory;
}

sub outcome {
    my ($plan) = @_;
    return join "; ", map {
        my $list = $_;
        my @names = grep { !$plan->has(hidden => $_) } $plan->names($list);
        @names ? "$list " . join(",", @names) : ();
    } qw(stop skip reload restart start);
}

# switched WHAT, old files, new files, the names of what runs, the outcome wanted.
# Options: asked (units that an activation script wants restarted), reload, programs,
# elsewhere (units that are not the host's).
sub switched {
    my ($what, $old, $new, $running, $wanted, %more) = @_;
    my ($before, $after) = map { directory($_) } $old, $new;
    my %elsewhere = map { $_ => 1 } @{ $more{elsewhere} // [] };
    my %states = map {
        $_ => {
            ActiveState => "active", SubState => "running",
            FragmentPath => $elsewhere{$_} ? "/run/systemd/generator/$_" : "/etc/systemd/system/$_",
        }
    } @$running;
    my $decisions = Decisions->new(
        units => \%states, old => [$before], new => [$after],
        fragments => ["/etc/systemd/system"], programs => sub { $more{programs} // 0 },
    );
    my $plan = Plan->new;
    $decisions->decide($plan);
    $decisions->asked($plan, $more{asked} // [], $more{reload} // []);
    check($what, outcome($plan), $wanted);
}

my $service = "[Unit]\n[Service]\nType=oneshot\nExecStart=/usr/bin/true\nExecReload=/usr/bin/true\n";
sub simple { return $service . join "", map { "$_\n" } @_ }
my @test = (["test.service"]);

# One service.
switched("nothing changes", { "test.service" => $service }, { "test.service" => $service }, @test, "");
switched("a description", { "test.service" => $service }, { "test.service" => simple("[Unit]", "Description=x") }, @test, "");
switched("a key is added", { "test.service" => $service }, { "test.service" => simple("X-Test=1") }, @test,
    "stop test.service; start test.service");
my $restarted = simple("X-StopIfChanged=false");
switched("stopIfChanged", { "test.service" => $service }, { "test.service" => $restarted }, @test, "restart test.service");
switched("reloadIfChanged", { "test.service" => $service }, { "test.service" => simple("X-ReloadIfChanged=true") }, @test,
    "reload test.service");
switched("restartIfChanged", { "test.service" => $service }, { "test.service" => simple("X-RestartIfChanged=false") }, @test,
    "skip test.service");
switched("RefuseManualStop", { "test.service" => $service },
    { "test.service" => simple("X-Test=1", "[Unit]", "RefuseManualStop=yes") }, @test, "skip test.service");
switched("X-OnlyManualStart", { "test.service" => $service },
    { "test.service" => simple("X-Test=1", "[Unit]", "X-OnlyManualStart=yes") }, @test, "skip test.service");
switched("a service that does not run", { "test.service" => $service }, { "test.service" => simple("X-Test=1") }, [], "");
switched("gone", { "test.service" => $service }, {}, @test, "stop test.service");
switched("masked", { "test.service" => $service }, { "test.service" => undef }, @test, "stop test.service");
switched("gone, but to stay", { "test.service" => simple("[Unit]", "X-StopOnRemoval=false") }, {}, @test, "");
switched("made by a generator", { "test.service" => $service }, {}, @test, "", elsewhere => ["test.service"]);
switched("new programs", { "test.service" => $service }, { "test.service" => $service }, @test,
    "stop test.service; start test.service", programs => 1);
switched("new programs of what is reloaded", { "test.service" => simple("X-ReloadIfChanged=true") },
    { "test.service" => simple("X-ReloadIfChanged=true") }, @test, "reload test.service", programs => 1);

# The parser.
switched("a section more", { "test.service" => $restarted }, { "test.service" => "$restarted\[X-Test]\nX-Test-Value=a\n" }, @test,
    "restart test.service");
switched("a section of another name", { "test.service" => "$restarted\[X-Test]\nX-Test-Value=a\n" },
    { "test.service" => "$restarted\[X-Test2]\nX-Test-Value=a\n" }, @test, "restart test.service");
switched("[Install]", { "test.service" => $restarted }, { "test.service" => "$restarted\[Install]\nWantedBy=multi-user.target\n" },
    @test, "");
switched("another value", { "test.service" => "${restarted}X-Test=test\n" }, { "test.service" => "${restarted}X-Test=test2\n" },
    @test, "restart test.service");
switched("another key", { "test.service" => "${restarted}X-Test=test\n" }, { "test.service" => "${restarted}X-Test2=test\n" },
    @test, "restart test.service");
switched("comments and lines that go on", { "test.service" => "[Service]\nExecStart=a b\n" },
    { "test.service" => "# said\n[Service]\nExecStart=a\\\n# ignored\n; ignored\nb\n" }, @test, "");
switched("a value taken back", { "test.service" => "[Service]\nExecStart=b\n" },
    { "test.service" => "[Service]\nExecStart=a\nExecStart=\nExecStart=b\n" }, @test, "");
switched("a drop-in", { "test.service" => $restarted },
    { "test.service" => $restarted, "test.service.d/overrides.conf" => "[Service]\nX-Test=1\n" }, @test, "restart test.service");
switched("a name with a backslash", { 'escaped\x2ddash.service' => $service }, { 'escaped\x2ddash.service' => simple("X-Test=1") },
    ['escaped\x2ddash.service'], 'stop escaped\x2ddash.service; start escaped\x2ddash.service');
switched("a name that begins with a dash", { "-.service" => $service }, { "-.service" => simple("X-ReloadIfChanged=true") },
    ["-.service"], "reload -.service");

# Reload triggers.
my @triggers = map { "$restarted\[Unit]\nX-Reload-Triggers=$_\n" } "/dev/null", "/dev/zero";
switched("a reload trigger", { "test.service" => $restarted }, { "test.service" => $triggers[0] }, @test, "reload test.service");
switched("another reload trigger", { "test.service" => $triggers[0] }, { "test.service" => $triggers[1] }, @test,
    "reload test.service");
switched("and something else", { "test.service" => $triggers[0] }, { "test.service" => "$triggers[1]\[Service]\nX-Test=1\n" },
    @test, "restart test.service");
switched("no reload trigger any more", { "test.service" => $triggers[0] }, { "test.service" => $restarted }, @test, "");
switched("ExecReload alone", { "test.service" => "[Service]\nExecReload=a\n" }, { "test.service" => "[Service]\nExecReload=b\n" },
    @test, "reload test.service");
switched("no ExecReload any more", { "test.service" => "[Service]\nExecStart=b\nExecReload=a\n" },
    { "test.service" => "[Service]\nExecStart=b\n" }, @test, "");

# Templates.
my @instances = ("instantiated\@one.service", "instantiated\@two.service");
my %template = ("instantiated\@.service" => $service, map { +"$_.d/overrides.conf" => "[Unit]\n" } @instances);
switched("a template", \%template, { %template, "instantiated\@.service" => simple("X-Test=1") }, \@instances,
    "stop $instances[0],$instances[1]; start $instances[0],$instances[1]");
switched("an instance", \%template, { %template, "$instances[0].d/overrides.conf" => "[Service]\nX-Test=1\n" }, \@instances,
    "stop $instances[0]; start $instances[0]");
switched("an instance that goes", \%template,
    { map { $_ => $template{$_} } grep { !/one/ } keys %template }, \@instances, "stop $instances[0]");
switched("an instance that somebody started", { "instantiated\@.service" => $service }, { "instantiated\@.service" => $service },
    \@instances, "");

# Sockets.
my $socket = "[Socket]\nListenStream=/run/test.sock\n";
my %pair = ("a.service" => "${service}X-StopIfChanged=false\n", "a.socket" => $socket);
my @both = (["a.service", "a.socket"]);
switched("a service with a socket", \%pair, { %pair, "a.service" => "$pair{'a.service'}X-Test=1\n" }, @both, "restart a.service");
switched("the same, stopped", { %pair, "a.service" => $service }, { %pair, "a.service" => simple("X-Test=1") }, @both,
    "stop a.service,a.socket; start a.socket");
switched("the same, with a reload trigger", { %pair, "a.service" => $service },
    { %pair, "a.service" => simple("[Unit]", "X-Reload-Triggers=test") }, @both, "reload a.service");
switched("X-NotSocketActivated", { %pair, "a.service" => $service }, { %pair, "a.service" => simple("X-NotSocketActivated=yes") },
    @both, "stop a.service,a.socket; start a.service,a.socket");
switched("a socket that comes", { "a.service" => $service }, { "a.service" => simple("X-Test=1"), "a.socket" => $socket },
    ["a.service"], "stop a.service");
switched("a socket that goes", { %pair, "a.service" => $service }, { "a.service" => simple("X-Test=1") }, @both,
    "stop a.service,a.socket; start a.service");
switched("a socket alone", \%pair, { %pair, "a.socket" => "${socket}SocketMode=0700\n" }, @both, "");
switched("a socket of another name", { "a.service" => $service, "b.socket" => $socket },
    { "a.service" => simple("Sockets=b.socket"), "b.socket" => $socket }, [ "a.service", "b.socket" ],
    "stop a.service,b.socket; start b.socket");
switched("a service for each connection", { "c.socket" => $socket, "c@.service" => $service },
    { "c.socket" => $socket, "c@.service" => simple("X-Test=1") }, [ "c.socket", "c\@1-2-0.service" ],
    "stop c.socket,c\@1-2-0.service; start c.socket");

# Mounts, timers, paths, slices.
sub mount_unit { return "[Mount]\nWhat=$_[0]\nType=$_[0]\nOptions=size=$_[1]\n" }
switched("a mount's options", { "m.mount" => mount_unit("tmpfs", "1M") }, { "m.mount" => mount_unit("tmpfs", "10M") }, ["m.mount"],
    "reload m.mount");
switched("a mount", { "m.mount" => mount_unit("tmpfs", "1M") }, { "m.mount" => mount_unit("ramfs", "10M") }, ["m.mount"],
    "restart m.mount");
switched("the mount of /nix", { "nix.mount" => mount_unit("tmpfs", "1M") }, { "nix.mount" => mount_unit("ramfs", "1M") },
    ["nix.mount"], "reload nix.mount");
switched("a timer", { "t.timer" => "[Timer]\nOnCalendar=1\n" }, { "t.timer" => "[Timer]\nOnCalendar=2\n" }, ["t.timer"],
    "restart t.timer");
switched("a path", { "p.path" => "[Path]\nPathExists=/1\n" }, { "p.path" => "[Path]\nPathExists=/2\n" }, ["p.path"], "");
switched("a slice", { "s.slice" => "[Slice]\nMemoryMax=1\n" }, { "s.slice" => "[Slice]\nMemoryMax=2\n" }, ["s.slice"], "");

# Targets: started again without a word.
sub started {
    my ($what, $name, $old, $new, $wanted) = @_;
    my ($before, $after) = map { directory({ $name => $_ }) } $old, $new;
    my $plan = Plan->new;
    Decisions->new(
        units => { $name => { ActiveState => "active", FragmentPath => "/etc/systemd/system/$name" } },
        old => [$before], new => [$after], fragments => ["/etc/systemd/system"], programs => sub { 0 },
    )->decide($plan);
    check($what, join(" ", map { "$_=" . join(",", $plan->names($_)) } qw(stop start hidden)), $wanted);
}
started("a target", "a.target", "[Unit]\n", "[Unit]\n", "stop= start=a.target hidden=a.target");
started("a target that is changed", "a.target", "[Unit]\n", "[Unit]\nX-Test=1\n", "stop= start=a.target hidden=a.target");
started("X-StopOnReconfiguration", "a.target", "[Unit]\n", "[Unit]\nX-StopOnReconfiguration=1\n",
    "stop=a.target start=a.target hidden=a.target");
started("a target for people", "a.target", "[Unit]\n", "[Unit]\nRefuseManualStart=1\n", "stop= start= hidden=");
started("a state that has passed", "hybrid-sleep.target", "[Unit]\n", "[Unit]\nX-Test=1\n", "stop= start= hidden=");

# What activation scripts ask for.
my %asked = (
    "simple.service" => $service, "restart.service" => $restarted, "reload.service" => simple("X-ReloadIfChanged=true"),
    "no.service" => simple("X-RestartIfChanged=false"), "templated\@.service" => $service, "trigger.service" => $service,
    "both.service" => $service,
);
my @wanted = qw(simple.service restart.service reload.service no.service templated@instance.service both.service);
switched("units that do not run yet", \%asked, \%asked, [], "start " . join(",", Plan::in_order(@wanted)), asked => \@wanted,
    reload => ["trigger.service"]);
switched("units that run", \%asked, \%asked, [ @wanted, "trigger.service" ],
    "skip no.service; reload reload.service,trigger.service; restart both.service,restart.service,simple.service,"
    . "templated\@instance.service", asked => \@wanted, reload => [ "trigger.service", "both.service" ]);
switched("a restart comes before a reload", \%asked, { %asked, "trigger.service" => "${service}X-StopIfChanged=0\n" },
    ["trigger.service"], "restart trigger.service", reload => ["trigger.service"]);

# fstab(5).
sub mounted {
    my ($what, $old, $new, $wanted) = @_;
    my $directory = directory({ old => $old, new => $new });
    my $plan = Plan->new;
    my @swaps = FileSystems::decide($plan, "$directory/old", "$directory/new");
    check($what, outcome($plan) . (@swaps ? " swaps @swaps" : ""), $wanted);
}
my $root = "/dev/vda / ext4 defaults 0 1\n";
mounted("a mount comes", $root, "${root}tmpfs /test tmpfs\n", "");
mounted("a mount goes", "${root}tmpfs /test tmpfs rw\n", $root, "stop test.mount");
mounted("other options", "tmpfs /test tmpfs rw\n", "tmpfs /test tmpfs x-test\n", "reload test.mount");
mounted("another device", "tmpfs /test tmpfs x-test\n", "ramfs /test tmpfs rw\n", "restart test.mount");
mounted("another root", $root, "auto / ext4 defaults 0 1\n", "skip -.mount");
mounted("other options of the root", $root, "auto / ext4 noatime 0 1\n", "reload -.mount");
mounted("an automount goes", "tmpfs /testauto tmpfs x-systemd.automount\n", "", "stop testauto.automount");
mounted("a swap goes", "/swapfile none swap\n", "", " swaps /swapfile");
mounted("a place to escape", "tmpfs /a\\040b/c-d tmpfs rw\n", "", 'stop a\x20b-c\x2dd.mount');

print "$passed passed, $failed failed\n";
exit($failed ? 1 : 0);
