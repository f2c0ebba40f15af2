# What one machine of several with the same image has of its own: keys, a name, a wireless network. `hostwright image` and
# `hostwright flash` put it before the first partition (crates/disk-image/src/personal.rs); it is taken up here.
{
  config,
  lib,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.image.personal;
  inherit (config.networking) networkmanager wireless;
in
{
  options.image.personal = {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether a machine takes up what was put into its copy of the image: SSH keys, a host name, a wireless network.";
    };

    takes = mkOption {
      type = types.listOf types.str;
      internal = true;
      description = "What the image says that its host takes up.";
    };
  };

  config = {
    image.personal.takes = lib.optionals cfg.enable (
      [
        "authorized-keys"
        "host-keys"
        "hostname"
      ]
      ++ lib.optional (wireless.enable || networkmanager.enable) "wifi"
    );

    # Before anything runs that has a name or a key.
    system.activationScripts.personal = lib.mkIf cfg.enable (
      lib.stringAfter [ "etc" "users" ] ''
        /bin/bash ${./take-up-personal.sh} || _localstatus=$?
      ''
    );
  };
}
