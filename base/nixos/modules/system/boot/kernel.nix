# The kernel, its parameters and modules.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  moduleList = types.listOf types.str;

  # Disk controllers, cards, USB storage and keyboards of common machines, virtual ones among them: a host that an image has started
  # there is to start as well when its own configuration, without the image's modules, has taken over.
  defaultModules = [
    "ahci"
    "ata_piix"
    "hid_generic"
    "hv_storvsc"
    "mmc_block"
    "nvme"
    "sd_mod"
    "sdhci_pci"
    "sr_mod"
    "uas"
    "usb_storage"
    "usbhid"
    "virtio_blk"
    "virtio_mmio"
    "virtio_pci"
    "virtio_scsi"
    "vmw_pvscsi"
    "xen-blkfront"
    "xhci_hcd"
    "xhci_pci"
  ]
  ++ lib.optionals pkgs.stdenv.hostPlatform.isx86 [
    "atkbd"
    "ehci_pci"
    "i8042"
    "ohci_pci"
    "sata_nv"
    "sata_sis"
    "sata_uli"
    "sata_via"
    "uhci_hcd"
  ]
  # Without it a Raspberry Pi 3 or 4 cannot restart.
  ++ lib.optional pkgs.stdenv.hostPlatform.isAarch64 "bcm2835_wdt";
in
{
  options = {
    boot.kernel.enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the system has a kernel; a container has not.";
    };

    boot.kernelPackages = mkOption {
      type = types.raw;
      default = pkgs.linuxPackages;
      defaultText = lib.literalExpression "pkgs.linuxPackages";
      example = lib.literalExpression "pkgs.linuxKernel.packages.linux_cloud";
      description = "The kernel, one of Debian's.";
    };

    boot.kernelParams = mkOption {
      type = types.listOf (types.strMatching ''([^"[:space:]]|"[^"]*")+'' // {
        description = "string, with spaces inside double quotes";
      });
      default = [ ];
      description = "Parameters on the kernel's command line.";
    };

    boot.consoleLogLevel = mkOption {
      type = types.int;
      default = 4;
      description = "The kernel's messages of a lower level than this are shown on the console.";
    };

    boot.vesa = mkOption {
      type = types.enum [ false ];
      default = false;
      description = "Whether a graphical mode is forced by an old parameter; kernels ignore it.";
    };

    boot.kernelModules = mkOption {
      type = moduleList;
      default = [ ];
      description = "Modules that are loaded in the second stage of the boot.";
    };

    boot.extraModulePackages = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "Packages with further modules for this kernel; Debian's module packages go into {option}`environment.debianPackages`.";
    };

    boot.initrd = {
      availableKernelModules = mkOption {
        type = moduleList;
        default = [ ];
        example = [ "nvme" ];
        description = "Modules in the initial RAM disk for hardware that the root file system may need.";
      };

      kernelModules = mkOption {
        type = moduleList;
        default = [ ];
        description = "Modules that the initial RAM disk always loads.";
      };

      includeDefaultModules = mkOption {
        type = types.bool;
        default = true;
        description = "Whether the initial RAM disk has modules for common disk controllers, those of virtual machines among them, file systems and keyboards.";
      };
    };

    boot.initrd.defaultModules = mkOption {
      type = moduleList;
      internal = true;
      readOnly = true;
      default = lib.optionals config.boot.initrd.includeDefaultModules defaultModules;
      defaultText = lib.literalMD "modules for common hardware";
      description = "Modules that are left out where a kernel has none of the name.";
    };

    system.requiredKernelConfig = mkOption {
      type = types.listOf types.attrs;
      internal = true;
      default = [ ];
      description = "What the kernel must have been built with; Debian's have all that systemd needs.";
    };
  };

  config = lib.mkIf config.boot.kernel.enable {
    system.build.kernel = config.boot.kernelPackages.kernel;

    # A kernel's modules without the tools that its package asks for.
    system.debian.extraPackages = [ config.boot.kernelPackages.kernel ];

    boot.kernelParams = [
      "loglevel=${toString config.boot.consoleLogLevel}"
    ];

    boot.kernelModules = [ "loop" ] ++ lib.optional pkgs.stdenv.hostPlatform.isx86 "atkbd";

    boot.initrd.availableKernelModules = config.boot.initrd.defaultModules;

    environment.etc."modules-load.d/nixos.conf" = lib.mkIf (config.boot.kernelModules != [ ]) {
      text = lib.concatStringsSep "\n" config.boot.kernelModules + "\n";
    };

    assertions = [
      {
        assertion = config.boot.extraModulePackages == [ ];
        message = "boot.extraModulePackages: kernel modules cannot be built on the Debian base; put Debian's package with the module into environment.debianPackages.";
      }
      {
        assertion = config.system.requiredKernelConfig == [ ];
        message = "system.requiredKernelConfig: the configuration of Debian's kernels cannot be changed or checked.";
      }
    ];
  };
}
