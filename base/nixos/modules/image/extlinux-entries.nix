# What U-Boot reads from /boot: the menu that install-boot-entries writes for the first generation, and
# the files that it names.
{ config, lib }:

let
  extlinux = config.boot.loader.generic-extlinux-compatible;
  deviceTree = config.hardware.deviceTree;
  build = config.system.build;
  kernel = config.boot.kernelPackages.kernel;

  # Files have the names that switch-to-configuration gives them.
  kernelPath = "${kernel}/${kernel.kernelFile}";
  initrdPath = "${build.initialRamdisk}/${config.system.boot.loader.initrdFile}";
  bootName = import ./boot-name.nix;

  hasDeviceTrees = extlinux.useGenerationDeviceTree && deviceTree.enable;
  seconds = config.boot.loader.timeout;
  timeout =
    if seconds == null then
      0
    else if seconds == 0 then
      1
    else
      seconds * 10;
  title = config.system.nixos.distroName;
  lines = ''
    LINUX ../nixos/${bootName kernelPath}
    INITRD ../nixos/${bootName initrdPath}
    ${lib.optionalString hasDeviceTrees (
      if deviceTree.name != null then
        "FDT ../nixos/${bootName "${deviceTree.package}"}/${deviceTree.name}"
      else
        "FDTDIR ../nixos/${bootName "${deviceTree.package}"}"
    )}
    APPEND init=${build.toplevel}/init ${lib.concatStringsSep " " config.boot.kernelParams}
  '';
in
[
  {
    path = "extlinux/extlinux.conf";
    text = ''
      # Written by each switch; changes are lost.
      DEFAULT nixos-default
      MENU TITLE ------------------------------------------------------------
      TIMEOUT ${toString timeout}

      LABEL nixos-default
      MENU LABEL ${title} - Default
      ${lines}
      LABEL nixos-1
      MENU LABEL ${title} - Configuration 1 (${config.system.nixos.label})
      ${lines}
    '';
  }
  {
    path = "nixos/${bootName kernelPath}";
    source = kernelPath;
  }
  {
    path = "nixos/${bootName initrdPath}";
    source = initrdPath;
  }
]
++ lib.optional hasDeviceTrees {
  path = "nixos/${bootName "${deviceTree.package}"}";
  source = "${deviceTree.package}";
  optional = true;
}
