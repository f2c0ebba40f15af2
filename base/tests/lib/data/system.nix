# Options for the tests of messages.
{ lib, ... }:
let
  inherit (lib) mkOption mkEnableOption types;
in
{
  options = {
    services.openssh = {
      enable = mkEnableOption "the SSH server";
      ports = mkOption {
        type = types.listOf types.port;
        default = [ 22 ];
      };
      settings.PermitRootLogin = mkOption {
        type = types.enum [
          "yes"
          "no"
          "prohibit-password"
        ];
        default = "no";
      };
    };
    networking.hostName = mkOption { type = types.str; };
    networking.mtu = mkOption { type = types.int; };
    users.users = mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule {
          options.uid = mkOption { type = types.int; };
          options.home = mkOption { type = types.path; };
        }
      );
    };
    version = mkOption {
      type = types.str;
      readOnly = true;
      default = "1";
    };
  };
}
