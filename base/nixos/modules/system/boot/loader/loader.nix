# What boot loaders have in common.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  loader = config.boot.loader;
in
{
  options.boot.loader.timeout = lib.mkOption {
    type = lib.types.nullOr lib.types.int;
    default = 5;
    description = "The seconds that the menu waits before it boots the default; null waits for a choice.";
  };

  config = lib.mkIf (loader.systemd-boot.enable || loader.generic-extlinux-compatible.enable) {
    system.build.installBootLoader = pkgs.writeScript "install-boot-entries" (
      builtins.readFile ./install-boot-entries.pl
    );

    system.toplevelEntries = [
      {
        path = "bin/install-boot-entries";
        source = "${config.system.build.installBootLoader}";
        mode = "0755";
      }
    ];
  };
}
