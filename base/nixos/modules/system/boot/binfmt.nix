# Programs of other systems: what the kernel starts them with.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.boot.binfmt;

  # The beginning of an ELF file (System V ABI, "ELF Header"): class, byte order and
  # machine tell the architecture. The mask leaves out the operating system's ABI, and the
  # lowest bit of the type, so that position-independent programs match too.
  elf =
    {
      bits,
      bigEndian ? false,
      machine,
    }:
    let
      class = if bits == 64 then "02" else "01";
      data = if bigEndian then "02" else "01";
      half = value: if bigEndian then "\\x00\\x${value}" else "\\x${value}\\x00";
      hex = value: "\\x${value}";
    in
    {
      magicOrExtension =
        ''\x7fELF'' + hex class + hex data + hex "01" + lib.concatStrings (lib.genList (_: hex "00") 9) + half "02" + half machine;
      mask =
        lib.concatStrings (lib.genList (_: hex "ff") 7)
        + hex "00"
        + lib.concatStrings (lib.genList (_: hex "ff") 8)
        + (if bigEndian then "\\xff\\xfe" else "\\xfe\\xff")
        + "\\xff\\xff";
    };

  # Machine numbers of the ELF specification, in hexadecimal, and QEMU's name of each.
  systems = {
    aarch64-linux = {
      emulator = "aarch64";
      magic = elf {
        bits = 64;
        machine = "b7";
      };
    };
    armv6l-linux = {
      emulator = "arm";
      magic = elf {
        bits = 32;
        machine = "28";
      };
    };
    armv7l-linux = {
      emulator = "arm";
      magic = elf {
        bits = 32;
        machine = "28";
      };
    };
    i386-linux = {
      emulator = "i386";
      magic = elf {
        bits = 32;
        machine = "03";
      };
    };
    i686-linux = {
      emulator = "i386";
      magic = elf {
        bits = 32;
        machine = "03";
      };
    };
    powerpc64le-linux = {
      emulator = "ppc64le";
      magic = elf {
        bits = 64;
        machine = "15";
      };
    };
    riscv64-linux = {
      emulator = "riscv64";
      magic = elf {
        bits = 64;
        machine = "f3";
      };
    };
    s390x-linux = {
      emulator = "s390x";
      magic = elf {
        bits = 64;
        bigEndian = true;
        machine = "16";
      };
    };
    x86_64-linux = {
      emulator = "x86_64";
      magic = elf {
        bits = 64;
        machine = "3e";
      };
    };
  };

  registrationModule =
    { config, ... }:
    {
      options = {
        recognitionType = mkOption {
          type = types.enum [
            "magic"
            "extension"
          ];
          default = "magic";
          description = "Whether files are known by their content or by the end of their name.";
        };
        offset = mkOption {
          type = types.nullOr types.int;
          default = null;
          description = "Where in the file the content is looked for.";
        };
        magicOrExtension = mkOption {
          type = types.str;
          description = "The content or the extension.";
        };
        mask = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "Which bits of the content count.";
        };
        interpreter = mkOption {
          type = types.path;
          description = "The program that such files are started with.";
        };
        preserveArgvZero = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the program learns the name by which the file was called.";
        };
        openBinary = mkOption {
          type = types.bool;
          default = config.matchCredentials;
          defaultText = lib.literalMD "{option}`matchCredentials`";
          description = "Whether the program gets the file opened, so that it need not be readable.";
        };
        matchCredentials = mkOption {
          type = types.bool;
          default = false;
          description = "Whether setuid bits of the file count.";
        };
        fixBinary = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the program is opened now, so that it works where it cannot be seen, in containers for instance.";
        };
        wrapInterpreterInShell = mkOption {
          type = types.enum [ false ];
          default = false;
          description = "Whether the program is started by a shell; the kernel needs none.";
        };
        interpreterSandboxPath = mkOption {
          type = types.nullOr types.path;
          internal = true;
          default = null;
          description = "What Nix's sandbox must see of the program.";
        };
      };
    };

  # binfmt.d(5): `:NAME:TYPE:OFFSET:MAGIC:MASK:INTERPRETER:FLAGS`.
  line =
    name: registration:
    let
      kind = if registration.recognitionType == "magic" then "M" else "E";
      offset = if registration.offset == null then "" else toString registration.offset;
      mask = if registration.mask == null then "" else registration.mask;
      flags =
        lib.optionalString registration.preserveArgvZero "P"
        + lib.optionalString (registration.openBinary && !registration.matchCredentials) "O"
        + lib.optionalString registration.matchCredentials "C"
        + lib.optionalString registration.fixBinary "F";
    in
    ":${name}:${kind}:${offset}:${registration.magicOrExtension}:${mask}:${registration.interpreter}:${flags}";
in
{
  options.boot.binfmt = {
    registrations = mkOption {
      type = types.attrsOf (types.submodule registrationModule);
      default = { };
      description = "Kinds of files that the kernel starts with a program, by name; see {manpage}`binfmt.d(5)`.";
    };

    emulatedSystems = mkOption {
      type = types.listOf (types.enum (lib.attrNames systems));
      default = [ ];
      example = [
        "aarch64-linux"
        "riscv64-linux"
      ];
      description = "Systems whose programs run on the host, by QEMU.";
    };

    addEmulatedSystemsToNixSandbox = mkOption {
      type = types.bool;
      default = true;
      description = "Whether Nix on the host builds for these systems.";
    };

    preferStaticEmulators = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the emulators are opened at boot, so that they work in containers. Debian's need no libraries there.";
    };
  };

  config = lib.mkMerge [
    (lib.mkIf (cfg.registrations != { }) {
      environment.etc."binfmt.d/nixos.conf".text = lib.concatStrings (
        lib.mapAttrsToList (name: registration: line name registration + "\n") cfg.registrations
      );
      systemd.services.systemd-binfmt = {
        overrideStrategy = "asDropin";
        restartTriggers = [ config.environment.etc."binfmt.d/nixos.conf".source ];
      };
    })
    (lib.mkIf (cfg.emulatedSystems != [ ]) {
      environment.debianPackages = [ "qemu-user" ];

      boot.binfmt.registrations = lib.genAttrs cfg.emulatedSystems (
        system:
        {
          interpreter = "/usr/bin/qemu-${systems.${system}.emulator}";
          preserveArgvZero = false;
          matchCredentials = false;
          fixBinary = cfg.preferStaticEmulators || config.nix.enable;
        }
        // systems.${system}.magic
      );

      nix.settings = lib.mkIf (config.nix.enable && cfg.addEmulatedSystemsToNixSandbox) {
        extra-platforms = cfg.emulatedSystems;
      };

      # Debian's qemu-user would register the same kinds under names of its own.
      environment.etc = lib.listToAttrs (
        map (
          system:
          lib.nameValuePair "binfmt.d/qemu-${systems.${system}.emulator}.conf" { text = ""; }
        ) cfg.emulatedSystems
      );

      assertions = map (system: {
        assertion = system != pkgs.stdenv.hostPlatform.system;
        message = "boot.binfmt.emulatedSystems: `${system}` is the host's own system, which needs no emulation.";
      }) cfg.emulatedSystems;
    })
  ];
}
