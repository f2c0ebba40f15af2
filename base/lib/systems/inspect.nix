# Questions about platforms: isLinux, isx86_64, isAarch64 and their kin.
{ lib, parse }:
let
  inherit (parse)
    abis
    cpuTypes
    kernels
    significantBytes
    execFormats
    ;
  byCpu = name: { cpu = cpuTypes.${name}; };
  abiNamed = map (name: { abi = abis.${name}; });
in
rec {
  # A pattern is a part of a parsed platform, or several of which one must fit.
  patterns = {
    isi686 = byCpu "i686";
    isx86_32.cpu = {
      family = "x86";
      bits = 32;
    };
    isx86_64.cpu = {
      family = "x86";
      bits = 64;
    };
    isx86.cpu.family = "x86";
    isAarch.cpu.family = "arm";
    isAarch32.cpu = {
      family = "arm";
      bits = 32;
    };
    isArmv7 = map byCpu [ "armv7a" "armv7r" "armv7m" "armv7l" ];
    isAarch64.cpu = {
      family = "arm";
      bits = 64;
    };
    isMicroBlaze.cpu.family = "microblaze";
    isMips.cpu.family = "mips";
    isMips32.cpu = {
      family = "mips";
      bits = 32;
    };
    isMips64.cpu = {
      family = "mips";
      bits = 64;
    };
    isMips64n32 = {
      cpu = {
        family = "mips";
        bits = 64;
      };
      abi.abi = "n32";
    };
    isMips64n64 = {
      cpu = {
        family = "mips";
        bits = 64;
      };
      abi.abi = "64";
    };
    isMmix.cpu.family = "mmix";
    isPower.cpu.family = "power";
    isPower64.cpu = {
      family = "power";
      bits = 64;
    };
    isRiscV.cpu.family = "riscv";
    isRiscV32.cpu = {
      family = "riscv";
      bits = 32;
    };
    isRiscV64.cpu = {
      family = "riscv";
      bits = 64;
    };
    isRx.cpu.family = "rx";
    isSparc.cpu.family = "sparc";
    isSparc64.cpu = {
      family = "sparc";
      bits = 64;
    };
    isWasm.cpu.family = "wasm";
    isMsp430.cpu.family = "msp430";
    isVc4.cpu.family = "vc4";
    isAvr.cpu.family = "avr";
    isAlpha.cpu.family = "alpha";
    isOr1k.cpu.family = "or1k";
    isM68k.cpu.family = "m68k";
    isS390.cpu.family = "s390";
    isS390x.cpu = {
      family = "s390";
      bits = 64;
    };
    isLoongArch64.cpu = {
      family = "loongarch";
      bits = 64;
    };
    isJavaScript = byCpu "javascript";

    is32bit.cpu.bits = 32;
    is64bit.cpu.bits = 64;
    isILP32 = [
      {
        cpu = {
          family = "wasm";
          bits = 32;
        };
      }
    ]
    ++ map (abi: { abi = { inherit abi; }; }) [ "n32" "ilp32" "x32" ];
    isBigEndian.cpu.significantByte = significantBytes.bigEndian;
    isLittleEndian.cpu.significantByte = significantBytes.littleEndian;

    isBSD.kernel.families.bsd = parse.kernelFamilies.bsd;
    isDarwin.kernel.families.darwin = parse.kernelFamilies.darwin;
    isUnix = [
      { kernel.families.bsd = parse.kernelFamilies.bsd; }
      { kernel.families.darwin = parse.kernelFamilies.darwin; }
      { kernel = kernels.linux; }
      { kernel = kernels.solaris; }
      { kernel = kernels.cygwin; }
      { kernel = kernels.redox; }
    ];
    isMacOS.kernel = kernels.macos;
    isiOS.kernel = kernels.ios;
    isLinux.kernel = kernels.linux;
    isSunOS.kernel = kernels.solaris;
    isFreeBSD.kernel.name = "freebsd";
    isNetBSD.kernel = kernels.netbsd;
    isOpenBSD.kernel = kernels.openbsd;
    isWindows.kernel = kernels.windows;
    isCygwin.kernel = kernels.cygwin;
    isMinGW = {
      kernel = kernels.windows;
      abi = abis.gnu;
    };
    isMsvc = {
      kernel = kernels.windows;
      abi = abis.msvc;
    };
    isWasi.kernel = kernels.wasi;
    isRedox.kernel = kernels.redox;
    isGhcjs.kernel = kernels.ghcjs;
    isGenode.kernel = kernels.genode;
    isNone.kernel = kernels.none;
    isUefi.kernel = kernels.uefi;

    isAndroid = abiNamed [ "android" "androideabi" ];
    isGnu = abiNamed [
      "gnuabi64"
      "gnuabin32"
      "gnu"
      "gnueabi"
      "gnueabihf"
      "gnuabielfv1"
      "gnuabielfv2"
    ];
    isMusl = abiNamed [
      "musl"
      "musleabi"
      "musleabihf"
      "muslabin32"
      "muslabi64"
    ];
    isUClibc = abiNamed [ "uclibc" "uclibceabi" "uclibceabihf" ];

    isEfi = [
      {
        cpu = {
          family = "arm";
          version = "6";
        };
      }
      {
        cpu = {
          family = "arm";
          version = "7";
        };
      }
      {
        cpu = {
          family = "arm";
          version = "8";
        };
      }
      { cpu.family = "riscv"; }
      { cpu.family = "x86"; }
      { cpu.family = "loongarch"; }
    ];

    isElf.kernel.execFormat = execFormats.elf;
    isMacho.kernel.execFormat = execFormats.macho;
  };

  # matchAnyAttrs :: (pattern | [pattern]) -> parsed -> bool
  matchAnyAttrs =
    pattern:
    if builtins.isList pattern then
      parsed: lib.any (p: lib.matchAttrs p parsed) pattern
    else
      lib.matchAttrs pattern;

  # predicates :: { isLinux = parsed -> bool; ... }
  predicates = builtins.mapAttrs (_: matchAnyAttrs) patterns;

  # patternLogicalAnd :: pattern -> pattern -> [pattern]
  patternLogicalAnd =
    left: right:
    lib.mapCartesianProduct ({ l, r }: lib.recursiveUpdate l r) {
      l = lib.toList left;
      r = lib.toList right;
    };
}
