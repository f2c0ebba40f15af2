# A menu of systemd-boot(7): entries of the Boot Loader Specification in the EFI system partition.
package SystemdBoot;
use strict;
use warnings;
use BootFiles;
use Generations;

my $of_generation = qr/^nixos-generation-\d+(?:-specialisation-.*)?\.conf$/;
my $trial = "nixos-trial.conf";
my $variables = "/sys/firmware/efi/efivars";

# The loader's settings in a system; undef if it does not boot by systemd-boot.
sub of_system {
    my ($class, $system) = @_;
    my $settings = BootFiles::read_settings("$system/boot-loader/settings") // return undef;
    my $esp = $settings->{"efi-mount-point"};
    return bless { system => $system, settings => $settings, esp => $esp }, $class;
}

sub open_esp {
    my ($self) = @_;
    my $esp = $self->{esp};
    die "$esp, the EFI system partition, is not mounted\n" if system("mountpoint", "-q", $esp) != 0;
    BootFiles::make_directories("$esp/$_") for "EFI/BOOT", "EFI/systemd", "EFI/nixos", "loader/entries";
    BootFiles::remove_leftovers("$esp/$_") for "EFI/BOOT", "EFI/systemd", "EFI/nixos", "loader", "loader/entries";
}

# The text of an entry, and the files that it names: name, source.
sub entry {
    my ($self, $path, $title, $version, $more) = @_;
    my %files = map { $_ => BootFiles::boot_name("$path/$_") . ".efi" } "kernel", "initrd";
    my $parameters = join " ", "init=$path/init", BootFiles::read_text("$path/kernel-params") // "", @$more;
    my $machine = BootFiles::read_text("/etc/machine-id") // "";
    my $text = "title $title\nsort-key $self->{settings}{'sort-key'}\nversion $version\n"
        . "linux /EFI/nixos/$files{kernel}\ninitrd /EFI/nixos/$files{initrd}\noptions $parameters\n"
        . ($machine =~ /^[0-9a-f]{32}$/ ? "machine-id $machine\n" : "");
    return ($text, map { $files{$_} => "$path/$_" } "kernel", "initrd");
}

# Every file first, then the entries that name them, then the default, and what is of
# no more use last: an interruption leaves a menu that boots.
sub install {
    my ($self) = @_;
    $self->open_esp;
    my ($esp, $settings) = @$self{qw(esp settings)};
    my @listed = Generations::listed($settings->{"configuration-limit"}, $self->{system});
    my $default = Generations::default_among($self->{system}, @listed);
    my (%entries, %files);
    for (@listed) {
        my ($number, $path, $variant) = @$_;
        my $name = BootFiles::read_text("$path/configuration-name") // "";
        my $version = "Generation $number " . (BootFiles::read_text("$path/nixos-version") // "") . ($name ne "" ? " $name" : "");
        my $title = $settings->{distribution} . ($variant eq "" ? "" : " ($variant)");
        my ($text, %named) = $self->entry($path, $title, $version, []);
        $entries{ entry_name($_) } = $text;
        %files = (%files, %named);
    }
    $self->copy(\%files, \%entries);
    $self->write_entries(%entries);
    BootFiles::write_file("$esp/loader/loader.conf",
        BootFiles::read_text("$self->{system}/boot-loader/loader.conf") . "\n"
        . ($default ? "default " . entry_name($default) . "\n" : ""));
    my $fallback = "BOOT" . uc($settings->{architecture}) . ".EFI";
    BootFiles::copy_file($settings->{loader}, "$esp/EFI/BOOT/$fallback");
    BootFiles::copy_file($settings->{loader}, "$esp/EFI/systemd/systemd-boot$settings->{architecture}.efi");
    $self->enter_into_firmware;
    $self->collect(\%entries);
}

sub entry_name {
    my ($number, undef, $variant) = @{ $_[0] };
    return "nixos-generation-$number" . ($variant eq "" ? "" : "-specialisation-$variant") . ".conf";
}

# Copies files, whose names tell their content. Where there is no room for them, what
# the new menu does not have makes room; what boots by default stays whatever happens.
sub copy {
    my ($self, $files, $entries) = @_;
    my $place = "$self->{esp}/EFI/nixos";
    my $copy = sub {
        for my $name (sort keys %$files) {
            BootFiles::copy_file($files->{$name}, "$place/$name") unless -e "$place/$name";
        }
    };
    return if try($copy);
    my $default = $self->default_entry // "";
    $self->collect({ %$entries, $default => 1 }, $files);
    return if try($copy);
    die "$@$self->{esp} has no room for the kernels of all generations: the menu stays as it was."
        . " Remove generations, or set boot.loader.systemd-boot.configurationLimit.\n";
}

# Whether a function did not die; $@ says why it did.
sub try {
    my ($function) = @_;
    local $SIG{__DIE__};
    return eval { $function->(); 1 };
}

sub write_entries {
    my ($self, %entries) = @_;
    BootFiles::write_file("$self->{esp}/loader/entries/$_", $entries{$_}) for sort keys %entries;
}

# Removes entries that are not wanted, and then files that no entry names and nobody is about to.
sub collect {
    my ($self, $wanted, $coming) = @_;
    my ($esp, $entries) = ($self->{esp}, "$self->{esp}/loader/entries");
    unlink map { "$entries/$_" } grep { /$of_generation/ && !$wanted->{$_} } BootFiles::names_in($entries);
    my %named = map { $_ => 1 } keys %{ $coming // {} };
    for my $entry (grep { /\.conf$/ } BootFiles::names_in($entries)) {
        $named{$_} = 1 for BootFiles::read_file("$entries/$entry") =~ m{^(?:linux|initrd)\s+/EFI/nixos/(\S+)}mg;
    }
    system("sync", "-f", $esp);
    unlink map { "$esp/EFI/nixos/$_" } grep { /\.efi$/ && !$named{$_} } BootFiles::names_in("$esp/EFI/nixos");
    system("sync", "-f", $esp);
}

sub enter_into_firmware {
    my ($self) = @_;
    return unless $self->{settings}{"touch-efi-variables"} && -d $variables;
    my $status = system("bootctl", "--esp-path=$self->{esp}", "--no-pager", "install");
    die "bootctl could not enter systemd-boot into the firmware's variables\n"
        if $status != 0 && !$self->{settings}{graceful};
}

# The name of the entry that boots by default.
sub default_entry {
    my ($self) = @_;
    my $configuration = BootFiles::read_text("$self->{esp}/loader/loader.conf") // return undef;
    return $configuration =~ /^default\s+(\S+)/m ? $1 : undef;
}

# The system that boots by default.
sub default_system {
    my ($self) = @_;
    my $entry = $self->default_entry // return undef;
    my $text = BootFiles::read_text("$self->{esp}/loader/entries/$entry") // return undef;
    return $text =~ m{^options\s.*?\binit=(\S+)/init}m ? $1 : undef;
}

# Whether the next boot can be told apart from later ones: by a variable of the firmware
# that systemd-boot takes away before it boots what the variable names.
sub boots_once {
    return has_variable("LoaderInfo") && -w $variables;
}

sub has_variable {
    my ($name) = @_;
    return scalar grep { /^\Q$name\E-/ } BootFiles::names_in($variables);
}

sub set_once {
    my ($self, $path, @parameters) = @_;
    $self->open_esp;
    my ($text, %files) = $self->entry($path, "$self->{settings}{distribution} (trial)", "Trial", \@parameters);
    my %entries = map { $_ => 1 } grep { /$of_generation/ } BootFiles::names_in("$self->{esp}/loader/entries");
    $self->copy(\%files, \%entries);
    $self->write_entries($trial => $text);
    system("sync", "-f", $self->{esp});
    system("bootctl", "set-oneshot", $trial) == 0 or die "the firmware did not take the next boot's entry\n";
}

sub unset_once {
    my ($self) = @_;
    system("bootctl", "set-oneshot", "") if boots_once() && has_variable("LoaderEntryOneShot");
    return unless -e "$self->{esp}/loader/entries/$trial";
    unlink "$self->{esp}/loader/entries/$trial";
    my %entries = map { $_ => 1 } BootFiles::names_in("$self->{esp}/loader/entries");
    $self->collect(\%entries);
}

1;
