# Where the host's Nix looks `<NAME>` up.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.nix;
in
{
  options.nix = {
    channel.enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether `nix-channel` may be used on the host.";
    };

    nixPath = mkOption {
      type = types.listOf types.str;
      default = lib.optionals cfg.channel.enable [
        "nixpkgs=/nix/var/nix/profiles/per-user/root/channels/nixos"
        "nixos-config=/etc/nixos/configuration.nix"
        "/nix/var/nix/profiles/per-user/root/channels"
      ];
      defaultText = lib.literalMD "root's channels, where there are channels";
      description = "Where `<NAME>` is looked up, as NIX_PATH has it.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.sessionVariables.NIX_PATH = lib.mkIf (cfg.nixPath != [ ]) cfg.nixPath;
    nix.settings.nix-path = lib.mkIf (!cfg.channel.enable) (lib.mkDefault cfg.nixPath);
  };
}
