{ lib }:
let
  drv = derivation {
    name = "hello-1.0";
    system = "x86_64-linux";
    builder = "builtin:none";
    outputs = [ "out" "bin" ];
  };
  package = drv // {
    pname = "hello";
    meta.mainProgram = "hi";
  };
in
{
  testGetExe = {
    expr = lib.getExe package;
    expected = "${drv.bin}/bin/hi";
  };
  testGetExePrime = {
    expr = lib.getExe' package "other";
    expected = "${drv.bin}/bin/other";
  };
  testPriorities = {
    expr = [ (lib.lowPrio package).meta.priority (lib.hiPrio package).meta.priority ];
    expected = [ 10 (-10) ];
  };
  testAvailableOn = {
    expr =
      let
        x86 = lib.systems.elaborate "x86_64-linux";
        arm = lib.systems.elaborate "aarch64-linux";
        onlyX86 = { meta.platforms = lib.platforms.x86_64; };
      in
      [
        (lib.meta.availableOn x86 onlyX86)
        (lib.meta.availableOn arm onlyX86)
        (lib.meta.availableOn arm { })
        (lib.meta.availableOn arm { meta.platforms = [ { kernel = lib.systems.parse.kernels.linux; } ]; })
      ];
    expected = [ true false true true ];
  };
  testExtendDerivation = {
    expr =
      let
        extended = lib.extendDerivation true { extra = 1; } drv;
      in
      [
        extended.extra
        extended.bin.extra
        (extended.bin.outPath == drv.bin.outPath)
        (extended.drvPath == drv.drvPath)
      ];
    expected = [ 1 1 true true ];
  };
  testLicences = {
    expr = [
      lib.licenses.mit.spdxId
      lib.licenses.gpl2Plus.free
      lib.licenses.unfree.free
      (lib.getLicenseFromSpdxId "apache-2.0").shortName
      (lib.licenses.isFree [ lib.licenses.mit lib.licenses.unfree ])
    ];
    expected = [ "MIT" true false "asl20" false ];
  };
  testMaintainersMayBeMissing = {
    expr = with lib.maintainers; lib.attrNames lib.maintainers;
    expected = [ ];
  };
}
