# A place for values that only other Nix code reads.
{ lib, ... }:

{
  options.passthru = lib.mkOption {
    visible = false;
    type = lib.types.unspecified;
    description = "Values that the configuration hands to whoever evaluates it; the system does not use them.";
  };
}
