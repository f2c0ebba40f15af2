# What is done in place of packages' maintainer scripts, none of which runs.
{ lib, ... }:

let
  inherit (lib) mkOption types;
  known = import ../../../pkgs/top-level/maintainer-scripts.nix;

  reasons =
    description:
    mkOption {
      type = types.attrsOf types.str;
      default = { };
      inherit description;
    };
in
{
  options.system.debian.maintainerScripts = {
    packages = reasons ''
      How what the maintainer scripts of packages would have done is done instead, by the package's name; a star at the end of a
      name stands for anything. `hostwright lint` is content with these packages.
    '' // {
      example = {
        tftpd-hpa = "systemd.tmpfiles.rules makes its directory";
      };
    };
    programs = reasons "The same by a program that scripts call, whichever package does.";
    helpers = reasons "The same by a program of {manpage}`debhelper(7)`, for what it adds to scripts.";
  };

  config.system.debian.maintainerScripts = {
    inherit (known) packages programs helpers;
  };
}
