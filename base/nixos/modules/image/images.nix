# Images of the host, by variant: `system.build.images.NAME` is the host with the
# modules of `image.modules.NAME`.
{
  config,
  lib,
  extendModules,
  ...
}:

let
  inherit (lib) mkOption types;

  diskImage =
    format:
    {
      imports = [ ../virtualisation/disk-image.nix ];
      image.format = format;
      image.efiSupport = true;
    };

  variants = lib.mapAttrs (
    _: module:
    extendModules { modules = [ module ]; }
  ) config.image.modules;
in
{
  options.image.modules = mkOption {
    type = types.attrsOf types.deferredModule;
    default = { };
    description = "What each variant of the image adds to the configuration.";
  };

  config = {
    image.modules = {
      raw-efi = diskImage "raw";
      qcow2 = diskImage "qcow2";
      qcow-efi = diskImage "qcow2";
      qemu-efi = diskImage "qcow2";
    };

    system.build.images = lib.mapAttrs (
      name: variant:
      let
        inherit (variant.config) image;
        built = variant.config.system.build.image;
      in
      lib.extendDerivation true {
        passthru = {
          inherit (variant) config;
          inherit (image) filePath;
        };
        inherit (variant) config;
        inherit (image) filePath;
      } built
    ) variants;
  };
}
