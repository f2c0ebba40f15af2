# Debian's kernels under nixpkgs' names. `linux-image-FLAVOUR` is an empty
# package whose dependency names the kernel of the day; only that kernel's
# files are taken, for the tools that its dependencies bring build an initrd
# of their own.
final: prev:

let
  inherit (final) lib;
  locked = final.debianLock.packages.${final.debianArchitecture} or { };
  universe = final.debianLock.universe or false;

  linuxPackagesFor = kernel: {
    inherit kernel;
    extend = _: linuxPackagesFor kernel;
  };

  kernelOf =
    flavour:
    let
      metapackage = "linux-image-${flavour}";
      entry = locked.${metapackage} or null;
      isImage = lib.hasPrefix "linux-image-";
      imageName =
        lib.findFirst isImage
          (throw "the Debian package `${metapackage}` of debian.lock depends on no kernel")
          (lib.concatLists entry.depends);
      modDirVersion = lib.removePrefix "linux-image-" imageName;
      files = final.debianPackageFiles imageName;
    in
    if universe || entry == null then
      final.${metapackage} or (final.debianPackage { pname = metapackage; })
      // {
        modDirVersion = "0";
        kernelFile = "vmlinuz";
        inherit (final.stdenv.hostPlatform) system;
      }
    else
      lib.extendDerivation true {
        pname = "linux";
        version = lib.head (lib.splitString "+" modDirVersion);
        inherit modDirVersion;
        kernelFile = "boot/vmlinuz-${modDirVersion}";
        configFile = "${files}/boot/config-${modDirVersion}";
        features = { };
      } files;

  architecture = final.debianArchitecture;
  default = kernelOf architecture;
in
{
  inherit linuxPackagesFor;

  linux = default;
  linux_latest = default;
  linuxPackages = linuxPackagesFor default;
  linuxPackages_latest = linuxPackagesFor default;

  # Debian's kernel for 64-bit ARM drives the Raspberry Pi; there is no other.
  linuxPackages_rpi3 = linuxPackagesFor default;
  linuxPackages_rpi4 = linuxPackagesFor default;

  linuxKernel = {
    kernels = {
      linux_default = default;
      linux_cloud = kernelOf "cloud-${architecture}";
      linux_rt = kernelOf "rt-${architecture}";
    };
    packages = {
      linux_default = linuxPackagesFor default;
      linux_cloud = linuxPackagesFor (kernelOf "cloud-${architecture}");
      linux_rt = linuxPackagesFor (kernelOf "rt-${architecture}");
      linux_rpi3 = linuxPackagesFor default;
      linux_rpi4 = linuxPackagesFor default;
    };
    packageAliases = {
      linux_default = linuxPackagesFor default;
      linux_latest = linuxPackagesFor default;
    };
    vanillaPackages = { };
  };
}
