# Platforms: what a name such as "aarch64-linux" means.
{ lib }:
let
  parse = import ./parse.nix { inherit lib; };
  inspect = import ./inspect.nix { inherit lib parse; };
  doubles = import ./doubles.nix { inherit lib parse inspect; };
  architectures = import ./architectures.nix { inherit lib; };
  examples = import ./examples.nix;
in
rec {
  inherit
    parse
    inspect
    doubles
    architectures
    examples
    ;

  # flakeExposed :: [string]
  # What flakes usually offer outputs for.
  flakeExposed = [
    "x86_64-linux"
    "aarch64-linux"
    "x86_64-darwin"
    "armv6l-linux"
    "armv7l-linux"
    "i686-linux"
    "aarch64-darwin"
    "powerpc64le-linux"
    "riscv64-linux"
    "x86_64-freebsd"
  ];

  # functionNames :: [string]
  # The attributes of an elaborated platform that are functions.
  functionNames = [
    "canExecute"
    "emulator"
    "emulatorAvailable"
    "isCompatible"
  ];

  # systemToAttrs :: (string | set) -> set
  systemToAttrs = value: if builtins.isAttrs value then value else { system = value; };

  # equals :: platform -> platform -> bool
  # Functions cannot be compared, the rest can.
  equals =
    let
      plain = platform: removeAttrs platform functionNames;
    in
    a: b: plain a == plain b;

  # toLosslessStringMaybe :: (string | platform) -> (string | null)
  toLosslessStringMaybe =
    value:
    if builtins.isString value then
      value
    else if value ? system && equals value (elaborate value.system) then
      value.system
    else
      null;

  # elaborate :: (string | { system; config; ... }) -> platform
  elaborate =
    given:
    let
      args = systemToAttrs given;
      parsed =
        if args ? config then
          parse.mkSystemFromString args.config
        else if args ? system then
          parse.mkSystemFromString args.system
        else
          args.parsed;
      cpu = parsed.cpu;
      kernel = parsed.kernel.name;

      final = {
        inherit parsed;
        system = parse.doubleFromSystem parsed;
        config = parse.tripleFromSystem parsed;

        # Whether a program for `platform` runs here without an emulator.
        canExecute =
          platform:
          final.parsed.kernel == platform.parsed.kernel
          && architectures.canRun final.parsed.cpu platform.parsed.cpu;
        isCompatible = final.canExecute;

        libc =
          if final.isDarwin then
            "libSystem"
          else if final.isMinGW then
            "msvcrt"
          else if final.isMusl then
            "musl"
          else if final.isLinux then
            "glibc"
          else if final.isFreeBSD then
            "fblibc"
          else if final.isOpenBSD then
            "oblibc"
          else if final.isNetBSD then
            "nblibc"
          else if final.isWasi then
            "wasilibc"
          else if final.isNone then
            "newlib"
          else
            "native/impure";

        linker = if final.isDarwin then "cctools" else "bfd";
        useLLVM = false;
        useAndroidPrebuilt = false;
        useiOSPrebuilt = false;
        isStatic = final.isWasi;
        hasSharedLibraries = !final.isStatic;
        isExecutable = final.isLinux || final.isDarwin || final.isBSD || final.isWindows;

        extensions = {
          executable =
            if final.isWindows then
              ".exe"
            else if final.isWasm then
              ".wasm"
            else
              "";
          staticLibrary = if final.isWindows then ".lib" else ".a";
          sharedLibrary =
            if final.isDarwin then
              ".dylib"
            else if final.isWindows then
              ".dll"
            else
              ".so";
          library =
            if final.isStatic then final.extensions.staticLibrary else final.extensions.sharedLibrary;
        };

        uname = {
          system =
            {
              linux = "Linux";
              windows = "Windows";
              darwin = "Darwin";
              macos = "Darwin";
              netbsd = "NetBSD";
              freebsd = "FreeBSD";
              openbsd = "OpenBSD";
            }
            .${kernel} or null;
          processor =
            if final.isPower64 then
              "ppc64${lib.optionalString final.isLittleEndian "le"}"
            else if final.isDarwin && final.isAarch64 then
              "arm64"
            else
              cpu.name;
          release = null;
        };

        # Names of the architecture in other projects.
        linuxArch = architectures.linux cpu;
        efiArch = architectures.efi cpu;
        qemuArch = architectures.qemu cpu;
        ubootArch = architectures.uboot cpu;
        darwinArch = if cpu.name == "aarch64" then "arm64" else cpu.name;
        ociArch = architectures.goArch cpu;
        go = {
          GOARCH = architectures.goArch cpu;
          GOOS = kernel;
          GOARM = lib.optionalString final.isAarch32 (builtins.toString (cpu.version or ""));
        };
        node = {
          arch = architectures.nodeArch cpu;
          platform = kernel;
        };
        rust = {
          rustcTarget = "${architectures.rustCpu cpu}-${parsed.vendor.name}-${kernel}${
            lib.optionalString (parsed.abi.name != "unknown") "-${parsed.abi.name}"
          }";
          rustcTargetSpec = final.rust.rustcTarget;
          cargoShortTarget = final.rust.rustcTarget;
          cargoEnvVarTarget = builtins.replaceStrings [ "-" ] [ "_" ] (lib.toUpper final.rust.rustcTarget);
        };
        rustc = { };

        # Settings of the kernel and the compiler that boards ask for.
        linux-kernel = args.linux-kernel or {
          name = final.system;
          target = if final.isx86 then "bzImage" else "Image";
          baseConfig = "defconfig";
          autoModules = true;
          DTB = final.isAarch || final.isRiscV;
        };
        gcc = args.gcc or { };

        # emulator :: pkgs -> string
        # The program that runs this platform's programs on the packages' machine.
        emulatorAvailable = pkgs: final.canExecute pkgs.stdenv.hostPlatform || final.isLinux;
        emulator =
          pkgs:
          if pkgs.stdenv.hostPlatform.canExecute final then
            "${lib.getExe' pkgs.coreutils "env"}"
          else
            "${pkgs.qemu-user}/bin/qemu-${final.qemuArch}";

      }
      // builtins.mapAttrs (_: predicate: predicate parsed) inspect.predicates
      // removeAttrs args [
        "parsed"
        "system"
        "config"
      ];
    in
    final;
}
