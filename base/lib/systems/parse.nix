# "x86_64-linux" and "aarch64-unknown-linux-gnu" to their parts and back.
{ lib }:
let
  inherit (builtins) elemAt length mapAttrs;

  named = type: mapAttrs (name: value: value // { inherit name; _type = type; });

  little = {
    name = "littleEndian";
    _type = "significant-byte";
  };
  big = {
    name = "bigEndian";
    _type = "significant-byte";
  };

  cpu =
    family: bits: significantByte: extra:
    { inherit family bits significantByte; } // extra;
in
rec {
  significantBytes = {
    littleEndian = little;
    bigEndian = big;
  };

  # The processors, by the names that system names use.
  cpuTypes = named "cpu-type" {
    arm = cpu "arm" 32 little { };
    armv5tel = cpu "arm" 32 little { version = "5"; arch = "armv5t"; };
    armv6m = cpu "arm" 32 little { version = "6"; arch = "armv6-m"; };
    armv6l = cpu "arm" 32 little { version = "6"; arch = "armv6"; };
    armv7a = cpu "arm" 32 little { version = "7"; arch = "armv7-a"; };
    armv7r = cpu "arm" 32 little { version = "7"; arch = "armv7-r"; };
    armv7m = cpu "arm" 32 little { version = "7"; arch = "armv7-m"; };
    armv7l = cpu "arm" 32 little { version = "7"; arch = "armv7"; };
    armv8a = cpu "arm" 32 little { version = "8"; arch = "armv8-a"; };
    armv8r = cpu "arm" 32 little { version = "8"; arch = "armv8-a"; };
    armv8m = cpu "arm" 32 little { version = "8"; arch = "armv8-m"; };
    aarch64 = cpu "arm" 64 little { version = "8"; arch = "armv8-a"; };
    aarch64_be = cpu "arm" 64 big { version = "8"; arch = "armv8-a"; };
    i386 = cpu "x86" 32 little { arch = "i386"; };
    i486 = cpu "x86" 32 little { arch = "i486"; };
    i586 = cpu "x86" 32 little { arch = "i586"; };
    i686 = cpu "x86" 32 little { arch = "i686"; };
    x86_64 = cpu "x86" 64 little { arch = "x86-64"; };
    microblaze = cpu "microblaze" 32 big { };
    microblazeel = cpu "microblaze" 32 little { };
    mips = cpu "mips" 32 big { };
    mipsel = cpu "mips" 32 little { };
    mips64 = cpu "mips" 64 big { };
    mips64el = cpu "mips" 64 little { };
    mmix = cpu "mmix" 64 big { };
    m68k = cpu "m68k" 32 big { };
    powerpc = cpu "power" 32 big { };
    powerpc64 = cpu "power" 64 big { };
    powerpc64le = cpu "power" 64 little { };
    powerpcle = cpu "power" 32 little { };
    riscv32 = cpu "riscv" 32 little { };
    riscv64 = cpu "riscv" 64 little { };
    s390 = cpu "s390" 32 big { };
    s390x = cpu "s390" 64 big { };
    sparc = cpu "sparc" 32 big { };
    sparc64 = cpu "sparc" 64 big { };
    wasm32 = cpu "wasm" 32 little { };
    wasm64 = cpu "wasm" 64 little { };
    alpha = cpu "alpha" 64 little { };
    rx = cpu "rx" 32 little { };
    msp430 = cpu "msp430" 16 little { };
    arc = cpu "arc" 32 little { };
    sh4 = cpu "sh" 32 little { };
    avr = cpu "avr" 8 little { };
    vc4 = cpu "vc4" 32 little { };
    or1k = cpu "or1k" 32 big { };
    loongarch64 = cpu "loongarch" 64 little { };
    javascript = cpu "javascript" 32 little { };
  };

  vendors = named "vendor" {
    apple = { };
    pc = { };
    knuth = { };
    w64 = { };
    none = { };
    unknown = { };
  };

  execFormats = named "exec-format" {
    aout = { };
    elf = { };
    macho = { };
    pe = { };
    wasm = { };
    unknown = { };
  };

  kernelFamilies = named "exec-format" {
    bsd = { };
    darwin = { };
  };

  kernels =
    named "kernel" {
      macos = {
        execFormat = execFormats.macho;
        families.darwin = kernelFamilies.darwin;
      };
      ios = {
        execFormat = execFormats.macho;
        families.darwin = kernelFamilies.darwin;
      };
      freebsd = {
        execFormat = execFormats.elf;
        families.bsd = kernelFamilies.bsd;
      };
      netbsd = {
        execFormat = execFormats.elf;
        families.bsd = kernelFamilies.bsd;
      };
      openbsd = {
        execFormat = execFormats.elf;
        families.bsd = kernelFamilies.bsd;
      };
      linux = {
        execFormat = execFormats.elf;
        families = { };
      };
      solaris = {
        execFormat = execFormats.elf;
        families = { };
      };
      genode = {
        execFormat = execFormats.elf;
        families = { };
      };
      redox = {
        execFormat = execFormats.elf;
        families = { };
      };
      uefi = {
        execFormat = execFormats.pe;
        families = { };
      };
      none = {
        execFormat = execFormats.unknown;
        families = { };
      };
      wasi = {
        execFormat = execFormats.wasm;
        families = { };
      };
      windows = {
        execFormat = execFormats.pe;
        families = { };
      };
      ghcjs = {
        execFormat = execFormats.unknown;
        families = { };
      };
      mmixware = {
        execFormat = execFormats.unknown;
        families = { };
      };
      cygwin = {
        execFormat = execFormats.pe;
        families = { };
      };
    };

  # Other spellings of kernels.
  kernelAliases = {
    darwin = kernels.macos;
    watchos = kernels.ios;
    tvos = kernels.ios;
    win32 = kernels.windows;
    mingw32 = kernels.windows;
  };

  abis = named "abi" {
    cygnus = { };
    msvc = { };
    eabi = { float = "soft"; };
    eabihf = { float = "hard"; };
    elf = { };
    androideabi = { };
    android = { };
    gnueabi = { float = "soft"; };
    gnueabihf = { float = "hard"; };
    gnu = { };
    gnuabi64 = { abi = "64"; };
    muslabi64 = { abi = "64"; };
    gnuabin32 = { abi = "n32"; };
    muslabin32 = { abi = "n32"; };
    gnuabielfv2 = { abi = "elfv2"; };
    gnuabielfv1 = { abi = "elfv1"; };
    musleabi = { float = "soft"; };
    musleabihf = { float = "hard"; };
    musl = { };
    uclibceabi = { float = "soft"; };
    uclibceabihf = { float = "hard"; };
    uclibc = { };
    unknown = { };
  };

  # mkSystem :: { cpu; vendor; kernel; abi; } -> parsed
  mkSystem = parts: parts // { _type = "system"; };

  # isSystem :: any -> bool
  isSystem = lib.isType "system";

  # mkSystemFromString :: string -> parsed
  mkSystemFromString = text: mkSystemFromSkeleton (mkSkeletonFromList (lib.splitString "-" text));

  # mkSkeletonFromList :: [string] -> { cpu; vendor; kernel; abi; }
  # Configuration names have two to four parts, and leave out different ones.
  mkSkeletonFromList =
    parts:
    let
      part = elemAt parts;
      count = length parts;
      isKernel = name: kernels ? ${name} || kernelAliases ? ${name} || lib.hasPrefix "netbsd" name || lib.hasPrefix "freebsd" name;
    in
    if count == 1 then
      if part 0 == "avr" then
        {
          cpu = "avr";
          kernel = "none";
          abi = "unknown";
        }
      else
        throw "system specification with 1 component is ambiguous: ${part 0}"
    else if count == 2 then
      if part 1 == "elf" then
        {
          cpu = part 0;
          vendor = "unknown";
          kernel = "none";
          abi = "elf";
        }
      else
        {
          cpu = part 0;
          kernel = part 1;
        }
    else if count == 3 then
      # cpu-kernel-abi, as in x86_64-linux-gnu
      if part 1 == "linux" then
        {
          cpu = part 0;
          kernel = "linux";
          abi = part 2;
        }
      # cpu-vendor-abi without a kernel, as in arm-none-eabi
      else if abis ? ${part 2} && !isKernel (part 2) then
        {
          cpu = part 0;
          vendor = part 1;
          kernel = "none";
          abi = part 2;
        }
      else if part 2 == "mingw32" then
        {
          cpu = part 0;
          vendor = part 1;
          kernel = "windows";
          abi = "gnu";
        }
      else
        {
          cpu = part 0;
          vendor = part 1;
          kernel = part 2;
        }
    else if count == 4 then
      {
        cpu = part 0;
        vendor = part 1;
        kernel = part 2;
        abi = part 3;
      }
    else
      throw "system specification has invalid number of components: ${lib.concatStringsSep "-" parts}";

  # mkSystemFromSkeleton :: { cpu; vendor; kernel; abi; } -> parsed
  mkSystemFromSkeleton =
    {
      cpu,
      vendor ? null,
      kernel,
      abi ? null,
    }:
    let
      known =
        what: set: name:
        set.${name} or (throw "Unknown ${what}: ${name}");
      # Versions are written into the name: freebsd14, macos11.
      kernelName =
        let
          matched = builtins.match "(netbsd|openbsd|freebsd|darwin|macos|ios)[0-9.]+" kernel;
        in
        if matched == null then kernel else builtins.head matched;
      cpuType = known "CPU type" cpuTypes (if cpu == "arm64" then "aarch64" else cpu);
      kernelType = kernelAliases.${kernelName} or (known "kernel" kernels kernelName);
      isLinux = kernelType.name == "linux";
      isDarwin = kernelType.families ? darwin;
      isWindows = kernelType.name == "windows";
    in
    mkSystem {
      cpu = cpuType;
      kernel = kernelType;
      vendor =
        if vendor != null then
          known "vendor" vendors vendor
        else if isDarwin then
          vendors.apple
        else if isWindows then
          vendors.pc
        else
          vendors.unknown;
      abi =
        if abi != null then
          known "ABI" abis abi
        else if isLinux then
          if cpuType.family == "arm" && cpuType.bits == 32 then
            if lib.versionAtLeast (cpuType.version or "0") "6" then abis.gnueabihf else abis.gnueabi
          else if cpuType.name == "powerpc64" then
            abis.gnuabielfv1
          else if cpuType.family == "mips" && cpuType.bits == 64 then
            abis.gnuabi64
          else
            abis.gnu
        else if isWindows then
          abis.msvc
        else
          abis.unknown;
    };

  # kernelName :: kernel -> string
  kernelName = kernel: kernel.name;

  # doubleFromSystem :: parsed -> string
  doubleFromSystem =
    { cpu, kernel, ... }:
    if kernel.families ? darwin then
      "${cpu.name}-darwin"
    else
      "${cpu.name}-${kernel.name}";

  # tripleFromSystem :: parsed -> string
  tripleFromSystem =
    {
      cpu,
      vendor,
      kernel,
      abi,
      ...
    }:
    let
      kernelPart = if kernel.families ? darwin then "darwin" else kernel.name;
    in
    "${cpu.name}-${vendor.name}-${kernelPart}${
      lib.optionalString (abi.name != "unknown") "-${abi.name}"
    }";
}
