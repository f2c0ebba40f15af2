# nixpkgs' package names on Debian's, where they differ or where the main
# program has another name than the package. A name that is not here is
# Debian's own.
#
# By nixpkgs' name: { debs, the main one first; mainProgram ?; programs ? }.
{ lib }:

let
  package = debs: { inherit debs; };
  program = mainProgram: debs: { inherit mainProgram debs; };
  # Programs that Debian calls otherwise.
  renamed = programs: debs: {
    inherit programs debs;
    mainProgram = lib.head (lib.attrNames programs);
  };
in
{
  aardvark-dns = package [ "aardvark-dns" ];
  acl = program "getfacl" [ "acl" ];
  age = package [ "age" ];
  amazon-ec2-utils = package [ "amazon-ec2-utils" ];
  apt-cacher-ng = package [ "apt-cacher-ng" ];
  attr = program "getfattr" [ "attr" ];
  awscli2 = program "aws" [ "awscli" ];
  bash-completion = package [ "bash-completion" ];
  bashInteractive = program "bash" [ "bash" ];
  bat = renamed { bat = "batcat"; } [ "bat" ];
  bind = program "dig" [
    "bind9-dnsutils"
    "bind9-host"
  ];
  binutils = program "ld" [ "binutils" ];
  bridge-utils = program "brctl" [ "bridge-utils" ];
  btrfs-progs = program "btrfs" [ "btrfs-progs" ];
  busybox = program "busybox" [ "busybox" ];
  bzip2 = package [ "bzip2" ];
  cacert = package [ "ca-certificates" ];
  cifs-utils = program "mount.cifs" [ "cifs-utils" ];
  cloud-utils = program "growpart" [ "cloud-guest-utils" ];
  conntrack-tools = program "conntrack" [ "conntrack" ];
  coreutils = program "ls" [ "coreutils" ];
  coreutils-full = package [ "coreutils" ];
  cryptsetup = package [ "cryptsetup-bin" ];
  dbus = program "dbus-daemon" [
    "dbus-daemon"
    "dbus-bin"
    "dbus"
  ];
  ddrescue = package [ "gddrescue" ];
  diffutils = program "diff" [ "diffutils" ];
  dig = program "dig" [ "bind9-dnsutils" ];
  dmidecode = package [ "dmidecode" ];
  dnsutils = program "dig" [ "bind9-dnsutils" ];
  docker = program "docker" [
    "docker.io"
    "docker-cli"
  ];
  docker-compose = package [ "docker-compose" ];
  dosfstools = program "mkfs.fat" [ "dosfstools" ];
  e2fsprogs = program "mkfs.ext4" [ "e2fsprogs" ];
  efibootmgr = package [ "efibootmgr" ];
  etcd = program "etcd" [
    "etcd-server"
    "etcd-client"
  ];
  fd = renamed { fd = "fdfind"; } [ "fd-find" ];
  findutils = program "find" [ "findutils" ];
  fuse3 = program "fusermount3" [ "fuse3" ];
  gawk = package [ "gawk" ];
  gcc = package [ "gcc" ];
  getent = program "getent" [ "libc-bin" ];
  gettext = package [ "gettext" ];
  git-lfs = package [ "git-lfs" ];
  gitFull = program "git" [ "git-all" ];
  gitMinimal = program "git" [ "git" ];
  glibc = program "ldd" [
    "libc-bin"
    "libc6"
  ];
  gnugrep = program "grep" [ "grep" ];
  gnumake = program "make" [ "make" ];
  gnupatch = program "patch" [ "patch" ];
  gnupg = program "gpg" [ "gnupg" ];
  gnused = program "sed" [ "sed" ];
  gnutar = program "tar" [ "tar" ];
  gptfdisk = program "sgdisk" [ "gdisk" ];
  hdparm = package [ "hdparm" ];
  hostname = package [ "hostname" ];
  inetutils = program "telnet" [ "inetutils-telnet" ];
  inotify-tools = program "inotifywait" [ "inotify-tools" ];
  iotop = package [ "iotop" ];
  iproute2 = program "ip" [ "iproute2" ];
  iputils = program "ping" [
    "iputils-ping"
    "iputils-arping"
    "iputils-tracepath"
  ];
  ipxe = package [ "ipxe" ];
  iw = package [ "iw" ];
  kbd = program "loadkeys" [ "kbd" ];
  kexec-tools = program "kexec" [ "kexec-tools" ];
  kmod = program "modprobe" [ "kmod" ];
  kubectl = package [ "kubectl" ];
  less = package [ "less" ];
  libcap = program "capsh" [ "libcap2-bin" ];
  libftdi1 = package [ "libftdi1-2" ];
  libnotify = program "notify-send" [ "libnotify-bin" ];
  libusb1 = package [ "libusb-1.0-0" ];
  libvirt = program "virsh" [
    "libvirt-clients"
    "libvirt-daemon-system"
  ];
  linux-firmware = package [ "firmware-misc-nonfree" ];
  linux-pam = package [
    "libpam-modules"
    "libpam-runtime"
  ];
  lm_sensors = program "sensors" [ "lm-sensors" ];
  logrotate = package [ "logrotate" ];
  lshw = package [ "lshw" ];
  lvm2 = program "lvm" [ "lvm2" ];
  man-db = program "man" [ "man-db" ];
  mdadm = package [ "mdadm" ];
  mkpasswd = program "mkpasswd" [ "whois" ];
  mtools = program "mcopy" [ "mtools" ];
  mtr = program "mtr" [ "mtr-tiny" ];
  ncurses = program "tput" [ "ncurses-bin" ];
  neovim = program "nvim" [ "neovim" ];
  netcat = program "nc" [ "netcat-openbsd" ];
  netcat-openbsd = program "nc" [ "netcat-openbsd" ];
  nettools = program "ifconfig" [ "net-tools" ];
  networkmanager = program "nmcli" [ "network-manager" ];
  nfs-utils = program "mount.nfs" [ "nfs-common" ];
  nftables = program "nft" [ "nftables" ];
  nix = program "nix" [ "nix-bin" ];
  nodejs = program "node" [ "nodejs" ];
  nvme-cli = program "nvme" [ "nvme-cli" ];
  open-iscsi = program "iscsiadm" [ "open-iscsi" ];
  openiscsi = program "iscsiadm" [ "open-iscsi" ];
  openssh = program "ssh" [
    "openssh-client"
    "openssh-server"
    "openssh-sftp-server"
  ];
  openssl = package [ "openssl" ];
  parted = package [ "parted" ];
  pciutils = program "lspci" [ "pciutils" ];
  perl = package [ "perl" ];
  pkg-config = program "pkg-config" [ "pkgconf" ];
  podman = package [ "podman" ];
  polkit = program "pkexec" [
    "polkitd"
    "pkexec"
  ];
  procps = program "ps" [ "procps" ];
  prometheus-node-exporter = package [ "prometheus-node-exporter" ];
  psmisc = program "killall" [ "psmisc" ];
  python3 = package [ "python3" ];
  qemu = program "qemu-system-x86_64" [
    "qemu-system-x86"
    "qemu-utils"
  ];
  qemu-user = program "qemu-aarch64" [ "qemu-user" ];
  qemu_kvm = program "qemu-system-x86_64" [
    "qemu-system-x86"
    "qemu-utils"
  ];
  raspberrypifw = package [ "raspi-firmware" ];
  ripgrep = program "rg" [ "ripgrep" ];
  shadow = program "passwd" [
    "passwd"
    "login"
  ];
  shellcheck = package [ "shellcheck" ];
  smartmontools = program "smartctl" [ "smartmontools" ];
  sqlite = program "sqlite3" [ "sqlite3" ];
  squashfsTools = program "mksquashfs" [ "squashfs-tools" ];
  su = program "su" [ "util-linux" ];
  sudo = package [ "sudo" ];
  systemd = program "systemctl" [
    "systemd"
    "udev"
    "libsystemd-shared"
  ];
  systemdMinimal = program "systemctl" [ "systemd" ];
  time = package [ "time" ];
  traceroute = package [ "traceroute" ];
  tzdata = package [ "tzdata" ];
  ubootQemuAarch64 = package [ "u-boot-qemu" ];
  ubootRaspberryPi3_64bit = package [ "u-boot-rpi" ];
  ubootRaspberryPi4_64bit = package [ "u-boot-rpi" ];
  udev = program "udevadm" [ "udev" ];
  unixtools.debs = [ "util-linux" ];
  usbutils = program "lsusb" [ "usbutils" ];
  util-linux = program "mount" [
    "util-linux"
    "mount"
    "fdisk"
    "bsdutils"
    "bsdextrautils"
  ];
  vim-full = program "vim" [ "vim-gtk3" ];
  vimHugeX = program "vim" [ "vim-gtk3" ];
  watchdog = package [ "watchdog" ];
  wireguard-go = package [ "wireguard-go" ];
  wireguard-tools = program "wg" [ "wireguard-tools" ];
  wirelesstools = program "iwconfig" [ "wireless-tools" ];
  wpa_supplicant = program "wpa_cli" [ "wpasupplicant" ];
  xfsprogs = program "mkfs.xfs" [ "xfsprogs" ];
  xz = package [ "xz-utils" ];
  zfs = program "zfs" [ "zfsutils-linux" ];
  zsh = package [ "zsh" ];
}
