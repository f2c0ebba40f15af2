# Where the content of a package comes from, for `meta.sourceProvenance`.
{ lib }:
builtins.mapAttrs (name: value: { shortName = name; } // value) {
  fromSource = {
    isSource = true;
  };
  binaryNativeCode.isSource = false;
  binaryBytecode.isSource = false;
  binaryFirmware.isSource = false;
}
