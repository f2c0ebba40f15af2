# What maintainer scripts would have done, and how it is done instead: none of them runs. `hostwright lint HOST` holds
# the scripts of a host's packages against this table. What is in no line of it is shown to the user.
let
  configuration = "the configuration has the file, or what the package ships for it";
  user = "its user is made by sysusers.d(5)";
  kernel = "boot entries, initrd and module indices belong to the generation";
  python = "byte code is a cache, which Python does without";
  notOnHosts = "nothing on a host needs it: files of a generation are made whole, and never upgraded in place";
in
{
  # Programs, whichever package calls them.
  programs = {
    deb-systemd-helper = "units are enabled by the configuration";
    deb-systemd-invoke = "a switch starts, restarts and stops units";
    depmod = kernel;
    dpkg-divert = notOnHosts;
    getcap = notOnHosts;
    "invoke-rc.d" = "a switch starts, restarts and stops units";
    journalctl = "the catalogue is made at boot by systemd-journal-catalog-update.service";
    ldconfig = "libraries lie where the loader looks without a cache";
    linux-run-hooks = kernel;
    linux-update-symlinks = kernel;
    pam-auth-update = "security.pam makes /etc/pam.d";
    py3clean = python;
    py3compile = python;
    start-stop-daemon = "a switch starts, restarts and stops units";
    systemctl = "a switch reloads the manager, and starts, restarts and stops units";
    systemd-hwdb = "the database is compiled with /usr";
    systemd-machine-id-setup = "systemd makes the machine's ID on the first boot";
    systemd-sysusers = "the activation makes the users of sysusers.d(5)";
    systemd-tmpfiles = "tmpfiles.d(5) is carried out at boot and by a switch";
    ucf = configuration;
    ucfr = configuration;
    udevadm = "udev reads its rules at boot and when a switch changes them";
    update-ca-certificates = "security.pki makes the bundle";
    update-grub = kernel;
    update-initramfs = kernel;
    "update-rc.d" = "units are enabled by the configuration";
  };

  # What debhelper(7) adds to scripts, by the program of it that does.
  helpers = {
    dh_apparmor = "AppArmor is not in use, unless the configuration says so";
    dh_icons = "caches of icons are for desktops, which do without";
    dh_installdeb = "nothing is left of earlier versions of a package";
    dh_installinit = "units are enabled by the configuration, and a switch starts them";
    dh_installmenu = "menus of window managers are not made";
    dh_installnss = "system.nssDatabases makes /etc/nsswitch.conf";
    dh_installsystemd = "units are enabled by the configuration, and a switch starts them";
    dh_installsystemduser = "units are enabled by the configuration, and a switch starts them";
    dh_installsysusers = "the activation makes the users of sysusers.d(5)";
    dh_installtmpfiles = "tmpfiles.d(5) is carried out at boot and by a switch";
    dh_installudev = "udev reads its rules at boot and when a switch changes them";
    dh_installxmlcatalogs = "catalogues serve validating readers of XML, which take the network's or none";
    dh_installcatalogs = "catalogues serve validating readers of SGML, which no service is";
    dh_makeshlibs = "libraries lie where the loader looks without a cache";
    dh_python3 = python;
    dh_runit = "services are systemd's";
    dh_ucf = configuration;
    dh_usrlocal = "/usr/local is not kept";
  };

  # Users and groups that scripts make by themselves, as lines of sysusers.d(5).
  sysusers = {
    iperf3 = "u iperf3 - iperf3 /nonexistent";
    network-manager = "g netdev -";
    openssh-client = "g _ssh -";
    tcpdump = "u tcpdump - tcpdump /nonexistent";
    wpasupplicant = "g netdev -";
  };

  # Packages by name; a star at the end stands for versions. Those with users above, or with a line in alternatives.nix, are
  # here for the rest of what their scripts do.
  packages = {
    acl = notOnHosts;
    base-files = "/etc, /var and the links in the root are made by the modules and the activation";
    base-passwd = "users.users and users.groups have Debian's users and groups";
    bash = "the configuration's shells are linked";
    bsdutils = notOnHosts;
    ca-certificates = "security.pki makes the bundle";
    dash = "/bin/sh is dash, as it is shipped";
    dbus = "the module of D-Bus wraps its launcher in security.wrappers";
    dbus-daemon = "the machine's ID is systemd's";
    dbus-system-bus-common = "users.users has messagebus";
    debianutils = "environment.shells makes /etc/shells";
    dpkg = "a host's packages are changed by switches, and dpkg only looks";
    "firmware-*" = notOnHosts;
    init-system-helpers = "/etc/os-release is made by the configuration";
    iperf3 = user;
    iproute2 = "ip has no need of capabilities, as root runs it";
    kmod = "boot.kernelModules makes modules-load.d(5)";
    "libblas3" = "the reference implementation is linked";
    "liblapack3" = "the reference implementation is linked";
    "libc6" = notOnHosts;
    libc-bin = "system.nssDatabases makes /etc/nsswitch.conf, and libraries lie where the loader looks";
    libdebuginfod-common = "programs ask no server, unless environment.variables has DEBUGINFOD_URLS";
    "libglib2.0-0*" = "schemas and lists of modules are caches of desktops, which GLib does without";
    "libnewt0.52" = "the palette is Debian's own";
    libpam-modules = "pam_unix makes the file of old passwords when it is to remember them";
    libpam-runtime = "security.pam makes /etc/pam.d";
    libwrap0 = "without files hosts.allow and hosts.deny all is allowed, as their shipped text says";
    libwtmpdb0 = notOnHosts;
    "linux-image-*" = kernel;
    login = "the activation makes the files that logins need";
    "login.defs" = "users.* makes /etc/login.defs";
    man-db = "the index for apropos(1) is not made; pages are found without";
    mtr-tiny = "as on NixOS, only root sends the packets unless security.wrappers has mtr-packet";
    netbase = "networking.* makes /etc/hosts, and there is no /etc/networks";
    network-manager = "its module makes the directory, and sysusers.d(5) the group";
    nix-setup-systemd = "the module of Nix makes the build users";
    nmap-common = "the file is for an attack on Windows, and can be unpacked by the same commands when it is wanted";
    nscd = notOnHosts;
    open-iscsi = "services.openiscsi makes the initiator's name";
    openssh-client = "sysusers.d(5) makes the group; ssh-agent is protected against tracing by itself (prctl)";
    openssh-server = "services.openssh makes sshd_config, and sshd-keygen.service the host's keys";
    openssl = "/usr/lib/ssl is as shipped, and its files in /etc/ssl are made by the modules";
    passwd = "users.* makes the files of users and groups";
    perl = notOnHosts;
    pkexec = "security.polkit wraps it in security.wrappers";
    polkitd = "security.polkit makes its user, and the directory of its rules";
    procps = "boot.kernel.sysctl makes the settings";
    "python3*" = python;
    raspi-firmware = "the image holds the board's firmware, and a switch leaves it alone";
    readline-common = "/etc/inputrc is made by the modules";
    sgml-base = "catalogues serve validating readers of SGML, which no service is";
    sudo = "security.sudo makes sudoers and the wrapper";
    sysstat = "the collection of figures stays off, as it is by Debian's default";
    systemd = "a switch enables units; its directories are made by tmpfiles.d(5)";
    systemd-coredump = "systemd.coredump turns it on";
    systemd-resolved = "services.resolved makes its configuration";
    systemd-sysv = kernel;
    systemd-timesyncd = "services.timesyncd makes its configuration";
    tcpdump = user;
    tzdata = "time.timeZone makes /etc/localtime";
    ucf = "it has nothing to keep a state of";
    udev = "udev reads its rules at boot and when a switch changes them";
    util-linux = notOnHosts;
    vim-runtime = "its tags of help are made in the generation by nobody; `:help` finds those that are shipped";
    wpasupplicant = "sysusers.d(5) makes the group";
    xml-core = "catalogues serve validating readers of XML, which take the network's or none";
  };
}
