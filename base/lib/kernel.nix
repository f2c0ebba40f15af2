# Options of the Linux kernel's configuration, as `boot.kernelPatches.*.extraStructuredConfig` takes them.
{ lib }:
let
  inherit (lib) mkIf versionAtLeast versionOlder;
in
rec {
  # option :: item -> item
  # The kernel may lack it.
  option = item: item // { optional = true; };

  yes = {
    tristate = "y";
    optional = false;
  };
  no = {
    tristate = "n";
    optional = false;
  };
  module = {
    tristate = "m";
    optional = false;
  };
  unset = {
    tristate = null;
    optional = false;
  };
  freeform = value: {
    freeform = value;
    optional = false;
  };

  # whenHelpers :: string -> set
  # Conditions on the version.
  whenHelpers = version: {
    whenAtLeast = least: mkIf (versionAtLeast version least);
    whenOlder = limit: mkIf (versionOlder version limit);
    whenBetween = least: limit: mkIf (versionAtLeast version least && versionOlder version limit);
  };

  # mkValue :: string -> item -> string
  mkValue = value: if builtins.match "[0-9]+" value != null || builtins.match "0x[0-9A-Fa-f]+" value != null then value else "\"${value}\"";
}
