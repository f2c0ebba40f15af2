# Firmware that drivers load into devices.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.hardware;

  # Debian's packages of what nixpkgs has in linux-firmware, smaller to the larger.
  redistributable = [
    "firmware-amd-graphics"
    "firmware-atheros"
    "firmware-bnx2"
    "firmware-brcm80211"
    "firmware-intel-graphics"
    "firmware-intel-sound"
    "firmware-iwlwifi"
    "firmware-libertas"
    "firmware-mediatek"
    "firmware-misc-nonfree"
    "firmware-realtek"
    "firmware-ti-connectivity"
    "wireless-regdb"
  ];
in
{
  options.hardware = {
    enableAllFirmware = mkOption {
      type = types.bool;
      default = false;
      description = "Whether all firmware that Debian has is there.";
    };

    enableRedistributableFirmware = mkOption {
      type = types.bool;
      default = cfg.enableAllFirmware;
      defaultText = lib.literalExpression "config.hardware.enableAllFirmware";
      description = "Whether firmware that anybody may pass on is there: for graphics, network cards, radios, sound.";
    };

    wirelessRegulatoryDatabase = mkOption {
      type = types.bool;
      default = cfg.enableRedistributableFirmware;
      defaultText = lib.literalExpression "config.hardware.enableRedistributableFirmware";
      description = "Whether the kernel knows on which frequencies each country lets radios send.";
    };

    firmware = mkOption {
      type = types.listOf types.package;
      default = [ ];
      example = lib.literalExpression "[ pkgs.firmware-iwlwifi ]";
      description = "Debian packages with firmware.";
    };
  };

  config = {
    environment.debianPackages =
      lib.optionals cfg.enableRedistributableFirmware redistributable
      ++ lib.optional cfg.wirelessRegulatoryDatabase "wireless-regdb"
      ++ lib.concatMap (package: package.debianPackages or [ ]) cfg.firmware;

    assertions = map (package: {
      assertion = package ? debianPackages;
      message = "hardware.firmware: `${lib.getName package}` is not a Debian package; /usr/lib/firmware is made of those.";
    }) cfg.firmware;
  };
}
