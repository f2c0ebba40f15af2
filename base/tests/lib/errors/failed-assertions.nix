# error: Failed assertions: - first - second
let
  lib = import ../../../lib;
in
lib.asserts.checkAssertWarn [
  {
    assertion = false;
    message = "first";
  }
  {
    assertion = true;
    message = "fine";
  }
  {
    assertion = false;
    message = "second";
  }
] [ ] null
