# The systems that exist, as "cpu-kernel", and lists of them by what they have in common.
{
  lib,
  parse,
  inspect,
}:
let
  all = [
    "i686-cygwin"
    "x86_64-cygwin"
    "x86_64-darwin"
    "aarch64-darwin"
    "aarch64-freebsd"
    "i686-freebsd"
    "x86_64-freebsd"
    "aarch64-genode"
    "i686-genode"
    "x86_64-genode"
    "x86_64-solaris"
    "javascript-ghcjs"
    "aarch64-linux"
    "arc-linux"
    "armv5tel-linux"
    "armv6l-linux"
    "armv7a-linux"
    "armv7l-linux"
    "i686-linux"
    "loongarch64-linux"
    "m68k-linux"
    "microblaze-linux"
    "microblazeel-linux"
    "mips-linux"
    "mips64-linux"
    "mips64el-linux"
    "mipsel-linux"
    "powerpc-linux"
    "powerpc64-linux"
    "powerpc64le-linux"
    "riscv32-linux"
    "riscv64-linux"
    "s390-linux"
    "s390x-linux"
    "sh4-linux"
    "x86_64-linux"
    "mmix-mmixware"
    "aarch64-netbsd"
    "armv6l-netbsd"
    "armv7a-netbsd"
    "armv7l-netbsd"
    "i686-netbsd"
    "m68k-netbsd"
    "mipsel-netbsd"
    "powerpc-netbsd"
    "riscv32-netbsd"
    "riscv64-netbsd"
    "x86_64-netbsd"
    "aarch64_be-none"
    "aarch64-none"
    "arm-none"
    "armv6l-none"
    "avr-none"
    "i686-none"
    "microblaze-none"
    "microblazeel-none"
    "mips-none"
    "mips64-none"
    "msp430-none"
    "or1k-none"
    "m68k-none"
    "powerpc-none"
    "powerpcle-none"
    "riscv32-none"
    "riscv64-none"
    "rx-none"
    "s390-none"
    "s390x-none"
    "vc4-none"
    "x86_64-none"
    "i686-openbsd"
    "x86_64-openbsd"
    "x86_64-redox"
    "wasm64-wasi"
    "wasm32-wasi"
    "aarch64-windows"
    "x86_64-windows"
    "i686-windows"
    "aarch64-uefi"
    "x86_64-uefi"
  ];
  parsed = map (system: {
    inherit system;
    parsed = parse.mkSystemFromString system;
  }) all;
  having =
    predicate: map (entry: entry.system) (builtins.filter (entry: predicate entry.parsed) parsed);
  inherit (inspect) predicates;
in
{
  inherit all;
  none = [ ];

  arm = having predicates.isAarch32;
  armv7 = having predicates.isArmv7;
  aarch = having predicates.isAarch;
  aarch64 = having predicates.isAarch64;
  x86 = having predicates.isx86;
  i686 = having predicates.isi686;
  x86_64 = having predicates.isx86_64;
  microblaze = having predicates.isMicroBlaze;
  mips = having predicates.isMips;
  mmix = having predicates.isMmix;
  power = having predicates.isPower;
  riscv = having predicates.isRiscV;
  riscv32 = having predicates.isRiscV32;
  riscv64 = having predicates.isRiscV64;
  rx = having predicates.isRx;
  vc4 = having predicates.isVc4;
  or1k = having predicates.isOr1k;
  m68k = having predicates.isM68k;
  s390 = having predicates.isS390;
  s390x = having predicates.isS390x;
  loongarch64 = having predicates.isLoongArch64;
  js = having predicates.isJavaScript;

  bigEndian = having predicates.isBigEndian;
  littleEndian = having predicates.isLittleEndian;

  cygwin = having predicates.isCygwin;
  darwin = having predicates.isDarwin;
  freebsd = having predicates.isFreeBSD;
  gnu = having (p: predicates.isLinux p && predicates.isGnu p);
  illumos = having predicates.isSunOS;
  linux = having predicates.isLinux;
  netbsd = having predicates.isNetBSD;
  openbsd = having predicates.isOpenBSD;
  unix = having predicates.isUnix;
  wasi = having predicates.isWasi;
  redox = having predicates.isRedox;
  windows = having predicates.isWindows;
  genode = having predicates.isGenode;
  uefi = having predicates.isUefi;

  embedded = having predicates.isNone;

  mesaPlatforms = [
    "i686-linux"
    "x86_64-linux"
    "x86_64-darwin"
    "armv5tel-linux"
    "armv6l-linux"
    "armv7l-linux"
    "armv7a-linux"
    "aarch64-linux"
    "powerpc64-linux"
    "powerpc64le-linux"
    "aarch64-darwin"
    "riscv64-linux"
  ];
}
