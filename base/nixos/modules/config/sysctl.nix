# Kernel parameters that can change while the system runs.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  # The higher of several numbers for limits that packages raise.
  atLeast = types.nullOr types.ints.unsigned // {
    merge =
      location: definitions:
      lib.foldl' (
        highest: definition:
        if definition.value == null then highest else if highest == null then definition.value else lib.max highest definition.value
      ) null (lib.filterOverrides definitions);
  };
in
{
  options.boot.kernel.sysctl = mkOption {
    type =
      types.submodule {
        freeformType = types.attrsOf (
          types.nullOr (
            types.oneOf [
              types.bool
              types.int
              types.str
            ]
          )
        );
        options = {
          "net.core.rmem_max" = mkOption {
            type = atLeast;
            default = null;
            description = "The largest receive buffer of a socket in bytes; the highest of several values counts.";
          };
          "net.core.wmem_max" = mkOption {
            type = atLeast;
            default = null;
            description = "The largest send buffer of a socket in bytes; the highest of several values counts.";
          };
          "vm.max_map_count" = mkOption {
            type = atLeast;
            default = null;
            description = "How many memory maps a process may have; the highest of several values counts.";
          };
        };
      };
    default = { };
    example = {
      "net.ipv4.tcp_syncookies" = false;
    };
    description = "Parameters by their name in {manpage}`sysctl.d(5)`; null leaves a parameter as it is.";
  };

  config = {
    environment.etc."sysctl.d/60-nixos.conf".text = lib.concatStrings (
      lib.mapAttrsToList (
        name: value:
        lib.optionalString (value != null) "${name}=${if value == false then "0" else toString value}\n"
      ) config.boot.kernel.sysctl
    );

    systemd.services.systemd-sysctl = {
      overrideStrategy = "asDropin";
      restartTriggers = [ config.environment.etc."sysctl.d/60-nixos.conf".source ];
    };

    boot.kernel.sysctl = {
      # Addresses of the kernel are of use to an attacker, and to nobody who is not root.
      "kernel.kptr_restrict" = lib.mkDefault 1;
      # Programs that watch many files are common by now.
      "fs.inotify.max_user_instances" = lib.mkDefault 524288;
      "fs.inotify.max_user_watches" = lib.mkDefault 524288;
      "vm.max_map_count" = lib.mkDefault 1048576;
    };
  };
}
