# The program that makes a generation the running one, or the next one to boot.
{
  config,
  lib,
  pkgs,
  ...
}:

{
  options.system.switch = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = "Whether a running host can change over to another generation.";
    };
    enableNg = lib.mkOption {
      type = lib.types.enum [ true ];
      default = true;
      description = "Which of NixOS's two programs does it; the Debian base has one of its own.";
    };
  };

  config.system.build.switchToConfiguration = pkgs.writeScript "switch-to-configuration" (
    if config.system.switch.enable then
      builtins.readFile ./switch-to-configuration.pl
    else
      ''
        #!/bin/sh
        echo "this host cannot change over to another generation: system.switch.enable is false" >&2
        exit 1
      ''
  );
}
