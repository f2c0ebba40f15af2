# Links that Debian's maintainer scripts make by update-alternatives(1), by the
# package that offers them, with Debian's priorities: where several packages
# offer one name the highest has it.
#
#   multiarch  the directory of libraries below /usr/lib, "x86_64-linux-gnu"
{ multiarch }:

let
  link = directory: priority: name: target: {
    name = "${directory}/${name}";
    inherit target priority;
  };
  # Names that one package alone offers need no priority.
  bin = link "bin" 50;
  sbin = link "sbin" 50;
  binAt = link "bin";
  library = link "lib/${multiarch}" 10;
  firmware = link "lib/firmware" 100;

  vim =
    program: priority: names:
    map (name: binAt priority name program) names;
  vimNames = [
    "editor"
    "ex"
    "rview"
    "rvim"
    "vi"
    "view"
    "vim"
    "vimdiff"
  ];
in
{

  automake = [
    (bin "aclocal" "aclocal-1.17")
    (bin "automake" "automake-1.17")
  ];
  bsdextrautils = [ (bin "write" "write.ul") ];
  # Not alternatives: Debian renamed these programs, and everybody knows them by the old name.
  bat = [ (bin "bat" "batcat") ];
  fd-find = [ (bin "fd" "fdfind") ];
  cpio = [ (bin "mt" "mt-gnu") ];
  debianutils = [ (bin "which" "which.debianutils") ];
  gawk = [
    (binAt 10 "awk" "gawk")
    (binAt 10 "nawk" "gawk")
  ];
  gcc = [ (bin "cc" "gcc") ];
  "g++" = [ (bin "c++" "g++") ];
  iotop-c = [ (sbin "iotop" "iotop-c") ];
  iptables = [
    (sbin "iptables" "iptables-nft")
    (sbin "iptables-save" "iptables-nft-save")
    (sbin "iptables-restore" "iptables-nft-restore")
    (sbin "ip6tables" "ip6tables-nft")
    (sbin "ip6tables-save" "ip6tables-nft-save")
    (sbin "ip6tables-restore" "ip6tables-nft-restore")
    (sbin "ebtables" "ebtables-nft")
    (sbin "arptables" "arptables-nft")
  ];
  less = [ (binAt 77 "pager" "less") ];
  libblas3 = [ (library "libblas.so.3" "blas/libblas.so.3") ];
  liblapack3 = [ (library "liblapack.so.3" "lapack/liblapack.so.3") ];
  mawk = [
    (binAt 5 "awk" "mawk")
    (binAt 5 "nawk" "mawk")
  ];
  nano = [
    (binAt 40 "editor" "nano")
    (binAt 10 "pico" "nano")
  ];
  netcat-openbsd = [
    (binAt 50 "nc" "nc.openbsd")
    (binAt 50 "netcat" "nc.openbsd")
  ];
  netcat-traditional = [
    (binAt 10 "nc" "nc.traditional")
    (binAt 10 "netcat" "nc.traditional")
  ];
  openssh-client = [
    (bin "rcp" "scp")
    (bin "rlogin" "slogin")
    (bin "rsh" "ssh")
  ];
  pinentry-curses = [ (bin "pinentry" "pinentry-curses") ];
  procps = [ (bin "w" "w.procps") ];
  tar = [ (sbin "rmt" "rmt-tar") ];
  traceroute = [
    (bin "traceroute" "traceroute.db")
    (bin "traceroute6" "traceroute6.db")
  ];
  util-linux = [ (binAt 50 "pager" "more") ];
  wireless-regdb = [
    (firmware "regulatory.db" "regulatory.db-debian")
    (firmware "regulatory.db.p7s" "regulatory.db.p7s-debian")
  ];
  vim = vim "vim.basic" 30 vimNames;
  vim-nox = vim "vim.nox" 40 vimNames;
  vim-tiny = vim "vim.tiny" 15 [
    "editor"
    "ex"
    "rview"
    "vi"
    "view"
  ];
  neovim = vim "nvim" 25 vimNames;
  xz-utils = [
    (bin "lzma" "xz")
    (bin "unlzma" "unxz")
    (bin "lzcat" "xzcat")
    (bin "lzless" "xzless")
    (bin "lzmore" "xzmore")
    (bin "lzgrep" "xzgrep")
    (bin "lzdiff" "xzdiff")
    (bin "lzcmp" "xzcmp")
  ];
}
