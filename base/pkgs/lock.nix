# `debian.lock`, which lies in the root of this tree when a fleet has one.
# Without it every package is unknown, and says so when it is asked for.
#
# A value, not a function: a file that is imported twice is evaluated once, and
# all package sets of a fleet share what was read.
let
  file = ../debian.lock;
  content =
    if builtins.pathExists file then
      builtins.fromJSON (builtins.readFile file)
    else
      {
        version = 1;
        packages = { };
      };
in
if content.version == 1 then
  content
else
  throw "debian.lock has version ${toString content.version}; this program reads version 1"
