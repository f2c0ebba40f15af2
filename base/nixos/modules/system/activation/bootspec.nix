# boot.json: what a boot loader needs to know of the system (RFC 125 of Nix's
# community, bootspec v1).
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  kernel = config.boot.kernelPackages.kernel;
  self = builtins.placeholder "out";
in
{
  options.boot.bootspec = {
    enable = mkOption {
      type = types.bool;
      internal = true;
      default = true;
      description = "Whether the toplevel has a boot.json.";
    };

    enableValidation = mkOption {
      type = types.enum [ false ];
      default = false;
      description = "Whether boot.json is checked against a schema in the build; it is made from typed options here, so there is nothing to check.";
    };

    extensions = mkOption {
      type = types.attrsOf types.anything;
      default = { };
      description = "Further documents in boot.json, by a name of their own.";
    };

    document = mkOption {
      internal = true;
      readOnly = true;
      type = types.attrsOf types.unspecified;
      description = "The content of boot.json.";
      default = {
        "org.nixos.bootspec.v1" = {
          inherit (pkgs.stdenv.hostPlatform) system;
          kernel = "${kernel}/${kernel.kernelFile}";
          kernelParams = config.boot.kernelParams;
          label = "${config.system.nixos.distroName} ${config.system.nixos.label} (Linux ${kernel.modDirVersion})";
          initrd = "${config.system.build.initialRamdisk}/${config.system.boot.loader.initrdFile}";
          init = "${self}/init";
          toplevel = self;
        };
      }
      // config.boot.bootspec.extensions;
      defaultText = lib.literalMD "what the options under `boot` say";
    };
  };
}
