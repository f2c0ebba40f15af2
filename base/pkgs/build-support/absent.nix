# What nixpkgs has and the Debian base has not: using it says so, and what to do.
{ ... }:

let
  absent =
    name: instead:
    throw "pkgs.${name} is nixpkgs', and the Debian base does not have it: ${instead}, or use `nixpkgs` as the base of this host";

  prebuilt = "package what was built elsewhere by pkgs.fetchurl and pkgs.runCommand";
  archive = "take the packages that Debian has of the kind, by their names (`hostwright packages` finds them)";
in
builtins.mapAttrs absent {
  buildGoModule = prebuilt;
  buildNpmPackage = prebuilt;
  fetchpatch = "fetch the patch by pkgs.fetchurl (fetchpatch's hash is of a patch that it has changed)";
  makeInitrdNG = "boot.initrd.* says what the initrd holds";
  makeModulesClosure = "boot.initrd.availableKernelModules says which modules the initrd holds";
  nodePackages = archive;
  tmuxPlugins = archive;
  vimPlugins = archive;
  nixosTest = "boot hosts by `hostwright vm`";
}
// {
  testers.runNixOSTest = absent "testers.runNixOSTest" "boot hosts by `hostwright vm`";
}
