#!/usr/bin/perl
# install-boot-entries SYSTEM: writes the boot menu from the generations of the
# system profile, with the settings that SYSTEM has for its boot loaders.
use strict;
use warnings;

my $system = $ARGV[0] // die "usage: install-boot-entries SYSTEM\n";
my $profile = "/nix/var/nix/profiles/system";
$ENV{PATH} = "/usr/sbin:/usr/bin";
$ENV{LC_ALL} = "C.UTF-8";
# Perl would exit with whatever errno holds.
$SIG{__DIE__} = sub { print STDERR "install-boot-entries: @_"; exit 1 };

sub readlink_all {
    my ($path) = @_;
    my $resolved = `readlink -f -- '$path'`;
    chomp $resolved;
    return $resolved;
}

sub read_text {
    my ($path) = @_;
    open my $file, "<", $path or return undef;
    local $/;
    my $text = <$file>;
    close $file;
    $text =~ s/\n\z// if defined $text;
    return $text;
}

# A FAT file system has no links: a file is written beside the old one and renamed.
sub write_file {
    my ($path, $content) = @_;
    my $new = "$path.tmp";
    open my $file, ">:raw", $new or die "cannot make $new: $!\n";
    print $file $content or die "cannot write $new: $!\n";
    close $file or die "cannot write $new: $!\n";
    system("sync", "-d", $new) == 0 or die "cannot write $new to the disk\n";
    rename $new, $path or die "cannot replace $path: $!\n";
}

sub copy_file {
    my ($from, $to) = @_;
    my $content = read_text_raw($from);
    my $current = -e $to ? read_text_raw($to) : undef;
    return if defined $current && $current eq $content;
    write_file($to, $content);
}

sub read_text_raw {
    my ($path) = @_;
    open my $file, "<:raw", $path or die "cannot read $path: $!\n";
    local $/;
    my $content = <$file>;
    close $file;
    return $content;
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

# The name beside a boot loader of a file of the store: it tells the content, so
# generations share files.
sub boot_name {
    my ($path) = @_;
    $path = readlink_all($path);
    $path =~ s{^/nix/store/}{};
    $path =~ s{/}{-}g;
    return $path;
}

sub efi_name {
    return boot_name(@_) . ".efi";
}

sub read_settings {
    my ($path) = @_;
    my $text = read_text($path);
    return undef unless defined $text;
    my %settings;
    for (split /\n/, $text) {
        my ($key, $value) = split / /, $_, 2;
        $settings{$key} = $value // "";
    }
    return \%settings;
}

# The entries of the menu, oldest generation first: number, system, and the name of
# the variant (a specialisation) or nothing.
sub listed_generations {
    my ($limit) = @_;
    my @generations = generations();
    die "there is no generation in $profile\n" unless @generations;
    splice @generations, 0, @generations - $limit if $limit && @generations > $limit;
    my @listed;
    for (@generations) {
        my ($number, $path) = @$_;
        push @listed, [ $number, $path, "" ];
        opendir my $directory, "$path/specialisation" or next;
        push @listed, map { [ $number, readlink_all("$path/specialisation/$_"), $_ ] }
            sort grep { /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/ } readdir $directory;
        closedir $directory;
    }
    return grep { -e "$_->[1]/kernel" && -e "$_->[1]/initrd" } @listed;
}

sub generations {
    my @found;
    opendir my $directory, "/nix/var/nix/profiles" or return ();
    for my $name (readdir $directory) {
        push @found, [ $1, readlink_all("/nix/var/nix/profiles/$name") ] if $name =~ /^system-(\d+)-link$/;
    }
    closedir $directory;
    return sort { $a->[0] <=> $b->[0] } grep { -e "$_->[1]/init" } @found;
}

sub copy_tree {
    my ($from, $to) = @_;
    return if -d $to;
    # Whole or not there at all.
    my $new = "$to.tmp";
    system("rm", "-rf", $new);
    system("cp", "-rL", "--no-preserve=all", "$from/.", $new) == 0 or die "cannot copy $from to $new\n";
    system("sync", "-f", $new);
    rename $new, $to or die "cannot make $to: $!\n";
}

# The menu that U-Boot reads: the Boot Loader Specification's predecessor, see
# doc/README.distro of U-Boot.
sub install_extlinux {
    my $settings = read_settings("$system/boot-loader/extlinux") // return;
    my $boot = "/boot";
    make_directories("$boot/$_") for "extlinux", "nixos";

    my @generations = listed_generations($settings->{"configuration-limit"});
    my $current = readlink_all($profile);
    my %keep;
    my $menu = "";
    my $default = "";
    for (reverse @generations) {
        my ($number, $path, $variant) = @$_;
        my %name = map { $_ => boot_name("$path/$_") } "kernel", "initrd";
        for my $file ("kernel", "initrd") {
            $keep{$name{$file}} = 1;
            copy_file(readlink_all("$path/$file"), "$boot/nixos/$name{$file}") unless -e "$boot/nixos/$name{$file}";
        }
        my $lines = "  LINUX ../nixos/$name{kernel}\n  INITRD ../nixos/$name{initrd}\n";
        if ($settings->{"device-trees"} && -d "$path/dtbs") {
            my $trees = boot_name("$path/dtbs");
            $keep{$trees} = 1;
            copy_tree(readlink_all("$path/dtbs"), "$boot/nixos/$trees");
            $lines .= $settings->{"device-tree"} ne ""
                ? "  FDT ../nixos/$trees/$settings->{'device-tree'}\n"
                : "  FDTDIR ../nixos/$trees\n";
        }
        $lines .= "  APPEND init=$path/init " . read_text("$path/kernel-params") . "\n\n";
        my $version = read_text("$path/nixos-version");
        my $label = $variant eq "" ? $number : "$number-$variant";
        $menu .= "LABEL nixos-$label\n  MENU LABEL $settings->{distribution} - Configuration $label ($version)\n$lines";
        $default = "LABEL nixos-default\n  MENU LABEL $settings->{distribution} - Default\n$lines" if $path eq $current;
    }
    # Tenths of a second; 0 waits for ever, which no timeout at all means too.
    my $timeout = $settings->{timeout} > 0 ? $settings->{timeout} * 10 : $settings->{timeout} == 0 ? 1 : 0;
    write_file("$boot/extlinux/extlinux.conf",
        "# Written by each switch; changes are lost.\n"
        . "DEFAULT nixos-default\nMENU TITLE ------------------------------------------------------------\n"
        . "TIMEOUT $timeout\n\n$default$menu");

    opendir my $directory, "$boot/nixos" or return;
    my @unused = grep { !/^\./ && !$keep{$_} } readdir $directory;
    closedir $directory;
    system("rm", "-rf", "--", map { "$boot/nixos/$_" } @unused) if @unused;
    system("sync", "-f", $boot);
}

sub install_systemd_boot {
    my $read = read_settings("$system/boot-loader/settings") // return;
    my %settings = %$read;
    my $esp = $settings{"efi-mount-point"};
    die "$esp, the EFI system partition, is not mounted\n" if system("mountpoint", "-q", $esp) != 0;
    make_directories("$esp/$_") for "EFI/BOOT", "EFI/systemd", "EFI/nixos", "loader/entries";

    my @generations = listed_generations($settings{"configuration-limit"});

    # Every file first, then the entries that name them, then the default.
    my %keep;
    my %entries;
    for (@generations) {
        my ($number, $path, $variant) = @$_;
        for my $file ("kernel", "initrd") {
            my $name = efi_name("$path/$file");
            $keep{$name} = 1;
            copy_file(readlink_all("$path/$file"), "$esp/EFI/nixos/$name") unless -e "$esp/EFI/nixos/$name";
        }
        my $version = read_text("$path/nixos-version");
        my $parameters = read_text("$path/kernel-params");
        my $name = read_text("$path/configuration-name") // "";
        $name = " $name" if $name ne "";
        my $machine = read_text("/etc/machine-id") // "";
        my $suffix = $variant eq "" ? "" : "-specialisation-$variant";
        $entries{"nixos-generation-$number$suffix.conf"} =
            "title $settings{distribution}" . ($variant eq "" ? "" : " ($variant)") . "\n"
            . "sort-key $settings{'sort-key'}\n"
            . "version Generation $number $version$name\n"
            . "linux /EFI/nixos/" . efi_name("$path/kernel") . "\n"
            . "initrd /EFI/nixos/" . efi_name("$path/initrd") . "\n"
            . "options init=$path/init $parameters\n"
            . ($machine =~ /^[0-9a-f]{32}$/ ? "machine-id $machine\n" : "");
    }
    write_file("$esp/loader/entries/$_", $entries{$_}) for sort keys %entries;

    my $current = readlink_all($profile);
    my ($default) = map { $_->[0] } grep { $_->[1] eq $current && $_->[2] eq "" } reverse @generations;
    write_file("$esp/loader/loader.conf",
        read_text("$system/boot-loader/loader.conf") . "\n"
        . (defined $default ? "default nixos-generation-$default.conf\n" : ""));

    my $fallback = "BOOT" . uc($settings{architecture}) . ".EFI";
    copy_file($settings{loader}, "$esp/EFI/BOOT/$fallback");
    copy_file($settings{loader}, "$esp/EFI/systemd/systemd-boot$settings{architecture}.efi");

    # What no generation uses any more.
    for my $place ([ "loader/entries", qr/^nixos-generation-\d+(?:-specialisation-.*)?\.conf$/, \%entries ],
                   [ "EFI/nixos", qr/\.efi$/, \%keep ]) {
        my ($below, $pattern, $wanted) = @$place;
        opendir my $directory, "$esp/$below" or next;
        unlink map { "$esp/$below/$_" } grep { /$pattern/ && !$wanted->{$_} } readdir $directory;
        closedir $directory;
    }

    if ($settings{"touch-efi-variables"} && -d "/sys/firmware/efi/efivars") {
        my $status = system("bootctl", "--esp-path=$esp", "--no-pager", "install");
        die "bootctl could not enter systemd-boot into the firmware's variables\n"
            if $status != 0 && !$settings{graceful};
    }
    system("sync", "-f", $esp);
}

install_systemd_boot();
install_extlinux();
