# Whether a system that installs others brings its own configuration along.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.installer;
in
{
  options.installer = {
    cloneConfig = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the system has its own configuration in /etc/nixos. Hosts of the Debian base are changed from outside, so it can only be false.";
    };
    cloneConfigIncludes = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "./hardware.nix" ];
      description = "What that configuration imports.";
    };
    cloneConfigExtra = mkOption {
      type = types.lines;
      default = "";
      description = "What that configuration has besides.";
    };
  };

  config.assertions = [
    {
      assertion = !cfg.cloneConfig && cfg.cloneConfigIncludes == [ ] && cfg.cloneConfigExtra == "";
      message = "installer.cloneConfig: a host of the Debian base is changed from the machine that has its flake, and has no /etc/nixos/configuration.nix; set it to false.";
    }
  ];
}
