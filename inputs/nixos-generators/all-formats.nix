# Images of a host by the formats of nixos-generators: `config.formats.FORMAT`.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  inherit (import ./formats.nix { inherit lib; }) imageOf variantOf;
  formats = [
    "install-iso"
    "qcow-efi"
  ]
  ++ lib.attrNames config.system.build.images;
in
{
  options = {
    formats = mkOption {
      type = types.lazyAttrsOf types.raw;
      readOnly = true;
      description = "The host's images by format.";
    };
    formatConfigs = mkOption {
      type = types.attrsOf types.deferredModule;
      default = { };
      description = "What each format adds to the configuration.";
    };
  };

  config = {
    formats = lib.genAttrs formats (imageOf config);
    image.modules = lib.mapAttrs' (
      format: module: lib.nameValuePair (variantOf format) module
    ) config.formatConfigs;
  };
}
