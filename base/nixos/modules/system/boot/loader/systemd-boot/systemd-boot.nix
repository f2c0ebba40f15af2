# systemd-boot: a menu of the host's generations in the EFI system partition.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.boot.loader.systemd-boot;
  efi = config.boot.loader.efi;

  # systemd-boot(7) calls architectures as the EFI specification does.
  efiArchitecture =
    {
      x86_64-linux = "x64";
      aarch64-linux = "aa64";
      riscv64-linux = "riscv64";
      i686-linux = "ia32";
    }
    .${pkgs.stdenv.hostPlatform.system} or (throw "systemd-boot does not run on ${pkgs.stdenv.hostPlatform.system}");

  loader = "${pkgs.debs.systemd-boot-efi}/usr/lib/systemd/boot/efi/systemd-boot${efiArchitecture}.efi";

  loaderConf = ''
    ${lib.optionalString (config.boot.loader.timeout != null) "timeout ${toString config.boot.loader.timeout}"}
    ${lib.optionalString (config.boot.loader.timeout == null) "timeout menu-force"}
    editor ${if cfg.editor then "yes" else "no"}
    console-mode ${cfg.consoleMode}
  '';

  # Read by switch-to-configuration; a line a setting.
  settings = pkgs.writeText "boot-loader-settings" ''
    efi-mount-point ${efi.efiSysMountPoint}
    loader ${loader}
    architecture ${efiArchitecture}
    configuration-limit ${toString (if cfg.configurationLimit == null then 0 else cfg.configurationLimit)}
    sort-key ${cfg.sortKey}
    touch-efi-variables ${if efi.canTouchEfiVariables then "1" else "0"}
    graceful ${if cfg.graceful then "1" else "0"}
    distribution ${config.system.nixos.distroName}
  '';
in
{
  options.boot.loader.systemd-boot = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host boots by systemd-boot.";
    };

    sortKey = mkOption {
      type = types.str;
      default = "nixos";
      description = "Where the host's entries stand in the menu among those of other systems; see the Boot Loader Specification.";
    };

    editor = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the kernel's command line can be changed in the menu. Whoever can do that is root.";
    };

    configurationLimit = mkOption {
      type = types.nullOr types.ints.positive;
      default = null;
      example = 10;
      description = "How many generations the menu has at most; null sets no limit.";
    };

    consoleMode = mkOption {
      type = types.enum [
        "0"
        "1"
        "2"
        "5"
        "auto"
        "max"
        "keep"
      ];
      default = "keep";
      description = "The resolution of the menu; see {manpage}`loader.conf(5)`.";
    };

    graceful = mkOption {
      type = types.bool;
      default = false;
      description = "Whether a firmware that does not take variables is no error.";
    };

    configurationName = mkOption {
      internal = true;
      type = types.str;
      default = "";
      description = "What a generation is called in the menu besides its number.";
    };

    loaderConfiguration = mkOption {
      internal = true;
      readOnly = true;
      type = types.str;
      default = loaderConf;
      defaultText = lib.literalMD "what the options say";
      description = "The content of loader.conf, without the default entry.";
    };

    architecture = mkOption {
      internal = true;
      readOnly = true;
      type = types.str;
      default = efiArchitecture;
      defaultText = lib.literalMD "the host's";
      description = "The architecture as EFI file names have it.";
    };

    loader = mkOption {
      internal = true;
      readOnly = true;
      type = types.str;
      default = loader;
      defaultText = lib.literalMD "Debian's systemd-boot";
      description = "The EFI program.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [
      "systemd-boot-efi"
      "systemd-boot-tools"
    ];

    system.toplevelEntries = [
      {
        path = "boot-loader/settings";
        source = "${settings}";
      }
      {
        path = "boot-loader/loader.conf";
        text = loaderConf;
      }
    ];
  };
}
