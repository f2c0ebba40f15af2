# How other projects call a processor.
{ lib }:
let
  inherit (builtins) elem;
  orOwnName = table: cpu: table.${cpu.name} or cpu.name;
in
{
  # canRun :: cpu -> cpu -> bool
  # Whether the first runs programs of the second by itself.
  canRun =
    host: guest:
    host == guest
    || (
      let
        x86 = [ "i386" "i486" "i586" "i686" "x86_64" ];
        arm = [ "armv5tel" "armv6l" "armv7l" ];
        rank = list: cpu: lib.lists.findFirstIndex (name: name == cpu.name) (-1) list;
        upTo = list: rank list guest >= 0 && rank list host >= rank list guest;
      in
      upTo x86
      || upTo arm
      || (elem host.name [ "armv7a" "armv7l" ] && elem guest.name [ "armv7a" "armv7l" "armv6l" "armv5tel" ])
      || (host.name == "powerpc64" && guest.name == "powerpc")
      || (host.name == "mips64" && guest.name == "mips")
      || (host.name == "mips64el" && guest.name == "mipsel")
      || (host.name == "riscv64" && guest.name == "riscv32")
    );

  # linux :: cpu -> string
  # The directory below arch/ in Linux's source.
  linux =
    cpu:
    if cpu.family == "arm" then
      (if cpu.bits == 64 then "arm64" else "arm")
    else if cpu.family == "x86" then
      (if cpu.bits == 64 then "x86_64" else "i386")
    else if cpu.family == "mips" || cpu.family == "loongarch" || cpu.family == "s390" || cpu.family == "riscv" then
      cpu.family
    else if cpu.family == "power" then
      "powerpc"
    else
      cpu.name;

  # efi :: cpu -> string
  # The name in BOOT*.EFI (UEFI specification, 3.5.1.1), in lower case.
  efi =
    cpu:
    if cpu.family == "x86" then
      (if cpu.bits == 64 then "x64" else "ia32")
    else if cpu.family == "arm" then
      (if cpu.bits == 64 then "aa64" else "arm")
    else
      cpu.name;

  # qemu :: cpu -> string
  # The suffix of qemu-system-*.
  qemu =
    cpu:
    if cpu.family == "arm" && cpu.bits == 32 then
      "arm"
    else if cpu.family == "x86" && cpu.bits == 32 then
      "i386"
    else
      orOwnName {
        powerpc = "ppc";
        powerpc64 = "ppc64";
        powerpc64le = "ppc64";
        aarch64_be = "aarch64";
      } cpu;

  # uboot :: cpu -> string
  uboot =
    cpu:
    if cpu.family == "x86" then
      "x86"
    else if cpu.family == "arm" then
      (if cpu.bits == 64 then "arm64" else "arm")
    else if cpu.family == "mips" || cpu.family == "riscv" then
      cpu.family
    else if cpu.family == "power" then
      "powerpc"
    else
      cpu.name;

  # goArch, nodeArch, rustCpu :: cpu -> string
  goArch =
    cpu:
    if cpu.family == "arm" && cpu.bits == 32 then
      "arm"
    else
      orOwnName {
        aarch64 = "arm64";
        i386 = "386";
        i486 = "386";
        i586 = "386";
        i686 = "386";
        loongarch64 = "loong64";
        mipsel = "mipsle";
        mips64el = "mips64le";
        powerpc64 = "ppc64";
        powerpc64le = "ppc64le";
        wasm32 = "wasm";
        x86_64 = "amd64";
      } cpu;
  nodeArch =
    cpu:
    if cpu.family == "arm" then
      (if cpu.bits == 64 then "arm64" else "arm")
    else if cpu.family == "x86" then
      (if cpu.bits == 64 then "x64" else "ia32")
    else
      cpu.name;
  rustCpu =
    orOwnName {
      armv7a = "armv7";
      armv7l = "armv7";
      armv6l = "arm";
      armv5tel = "armv5te";
      riscv32 = "riscv32gc";
      riscv64 = "riscv64gc";
    };
}
