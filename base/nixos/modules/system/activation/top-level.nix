# The store path that is the whole system, in NixOS's layout.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  build = config.system.build;
  kernel = config.boot.kernelPackages.kernel;

  failed = map (assertion: assertion.message) (
    lib.filter (assertion: !assertion.assertion) config.assertions
  );

  checked =
    if failed != [ ] then
      throw "\nFailed assertions:\n${lib.concatMapStrings (message: "- ${message}\n") failed}"
    else
      lib.foldr (message: lib.warn message) toplevel config.warnings;

  link = path: target: {
    inherit path;
    symlink = "${target}";
  };
  file = path: source: {
    inherit path;
    source = "${source}";
    mode = "0755";
  };
  note = path: text: { inherit path text; };

  hasKernel = config.boot.kernel.enable;

  entries = [
    (file "init" build.bootStage2)
    (file "activate" build.activate)
    (file "dry-activate" build.dryActivate)
    (file "bin/switch-to-configuration" build.switchToConfiguration)
    (link "etc" "${build.etc}/etc")
    (link "etc-tree" build.etc)
    (link "usr" build.usr)
    (link "var" build.var)
    (link "sw" config.system.path)
    (link "systemd" "${build.usr}/lib/systemd")
    (note "init-interface-version" "systemd 1")
    (note "nixos-version" config.system.nixos.label)
    (note "system" pkgs.stdenv.hostPlatform.system)
    (note "configuration-name" config.boot.loader.systemd-boot.configurationName)
    (note "extra-dependencies" (
      lib.concatMapStrings (path: "${path}\n") config.system.extraDependencies
    ))
  ]
  ++ lib.optionals hasKernel [
    (link "kernel" "${kernel}/${kernel.kernelFile}")
    (link "kernel-modules" build.usr)
    (note "kernel-params" (lib.concatStringsSep " " config.boot.kernelParams))
    (link "initrd" "${build.initialRamdisk}/${config.system.boot.loader.initrdFile}")
  ]
  ++ lib.optional (hasKernel && config.boot.bootspec.enable) (
    note "boot.json" (builtins.toJSON config.boot.bootspec.document)
  )
  ++ config.system.toplevelEntries;

  toplevel = pkgs.makeTree "nixos-system-${config.system.name}-${config.system.nixos.label}" entries;
in
{
  options = {
    system = {
      build = mkOption {
        type = types.submoduleWith {
          modules = [ { freeformType = types.lazyAttrsOf (types.uniq types.unspecified); } ];
        };
        default = { };
        description = "What can be built of the system.";
      };

      name = mkOption {
        type = types.str;
        default = if config.networking.hostName == "" then "unnamed" else config.networking.hostName;
        defaultText = lib.literalExpression "config.networking.hostName";
        description = "The name of the system in the name of its store path.";
      };

      extraDependencies = mkOption {
        type = types.listOf types.pathInStore;
        default = [ ];
        description = "Store paths that the system is never without, although nothing in it names them.";
      };

      toplevelEntries = mkOption {
        internal = true;
        type = types.listOf types.attrs;
        default = [ ];
        description = "Further files of the toplevel, as entries of a tree.";
      };
    };
  };

  config.system.build.toplevel = checked;
}
