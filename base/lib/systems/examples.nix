# Platforms to cross-compile for, by the names that `pkgsCross` uses.
let
  of = config: { inherit config; };
in
{
  gnu64 = of "x86_64-unknown-linux-gnu";
  gnu32 = of "i686-unknown-linux-gnu";
  musl64 = of "x86_64-unknown-linux-musl";
  musl32 = of "i686-unknown-linux-musl";
  aarch64-multiplatform = of "aarch64-unknown-linux-gnu";
  aarch64-multiplatform-musl = of "aarch64-unknown-linux-musl";
  aarch64-embedded = of "aarch64-none-elf";
  raspberryPi = of "armv6l-unknown-linux-gnueabihf";
  armv7l-hf-multiplatform = of "armv7l-unknown-linux-gnueabihf";
  arm-embedded = of "arm-none-eabi";
  riscv64 = of "riscv64-unknown-linux-gnu";
  riscv32 = of "riscv32-unknown-linux-gnu";
  riscv64-embedded = of "riscv64-none-elf";
  riscv32-embedded = of "riscv32-none-elf";
  ppc64 = of "powerpc64-unknown-linux-gnuabielfv2";
  powernv = of "powerpc64le-unknown-linux-gnu";
  s390x = of "s390x-unknown-linux-gnu";
  loongarch64-linux = of "loongarch64-unknown-linux-gnu";
  mingwW64 = of "x86_64-w64-mingw32";
  mingw32 = of "i686-w64-mingw32";
  aarch64-darwin = of "arm64-apple-darwin";
  x86_64-darwin = of "x86_64-apple-darwin";
  wasi32 = of "wasm32-unknown-wasi";
  x86_64-freebsd = of "x86_64-unknown-freebsd";
}
