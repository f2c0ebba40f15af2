{ lib }:
let
  inherit (lib.systems) elaborate;
  x86 = elaborate "x86_64-linux";
  arm = elaborate "aarch64-linux";
in
{
  testNames = {
    expr = map (s: [ s.system s.config s.linuxArch s.efiArch s.qemuArch s.ubootArch ]) [
      x86
      arm
      (elaborate "i686-linux")
      (elaborate { config = "armv7l-unknown-linux-gnueabihf"; })
    ];
    expected = [
      [ "x86_64-linux" "x86_64-unknown-linux-gnu" "x86_64" "x64" "x86_64" "x86" ]
      [ "aarch64-linux" "aarch64-unknown-linux-gnu" "arm64" "aa64" "aarch64" "arm64" ]
      [ "i686-linux" "i686-unknown-linux-gnu" "i386" "ia32" "i386" "x86" ]
      [ "armv7l-linux" "armv7l-unknown-linux-gnueabihf" "arm" "arm" "arm" "arm" ]
    ];
  };
  testPredicates = {
    expr = [ arm.isLinux arm.isAarch64 arm.isx86_64 arm.is64bit arm.isDarwin x86.isx86 x86.isEfi x86.isGnu ];
    expected = [ true true false true false true true true ];
  };
  testParsed = {
    expr = [ arm.parsed.cpu.name arm.parsed.cpu.bits arm.parsed.kernel.name arm.parsed.abi.name ];
    expected = [ "aarch64" 64 "linux" "gnu" ];
  };
  testElaborateTwice = {
    expr = lib.systems.equals x86 (elaborate x86);
    expected = true;
  };
  testCanExecute = {
    expr = [
      (x86.canExecute (elaborate "i686-linux"))
      (x86.canExecute arm)
      ((elaborate "i686-linux").canExecute x86)
    ];
    expected = [ true false false ];
  };
  testOwnSettings = {
    expr = (elaborate { system = "aarch64-linux"; gcc.arch = "armv8.2-a"; }).gcc.arch;
    expected = "armv8.2-a";
  };
  testLists = {
    expr = [
      (lib.elem "aarch64-linux" lib.platforms.linux)
      (lib.elem "x86_64-linux" lib.platforms.aarch64)
      (lib.elem "x86_64-linux" lib.systems.flakeExposed)
      lib.platforms.none
    ];
    expected = [ true false true [ ] ];
  };
  testDarwin = {
    expr = (elaborate "aarch64-darwin").config;
    expected = "aarch64-apple-darwin";
  };
}
