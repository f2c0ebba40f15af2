# A module whose option stands on a known line.
{ lib, ... }:
{
  options.here = lib.mkOption { default = 1; };
}
