# libvirt: virtual machines.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.virtualisation.libvirtd;

  qemuConfiguration = ''
    user = "${if cfg.qemu.runAsRoot then "root" else "libvirt-qemu"}"
    group = "${if cfg.qemu.runAsRoot then "root" else "libvirt-qemu"}"
    ${cfg.qemu.verbatimConfig}
  '';
in
{
  imports = [
    (lib.mkRenamedOptionModule
      [ "virtualisation" "libvirtd" "qemuRunAsRoot" ]
      [ "virtualisation" "libvirtd" "qemu" "runAsRoot" ]
    )
  ];

  options.virtualisation.libvirtd = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether virtual machines are run by libvirt. Users of the group `libvirtd` may manage them.";
    };
    package = mkOption {
      type = types.package;
      default = pkgs.libvirt;
      defaultText = lib.literalExpression "pkgs.libvirt";
      description = "libvirt.";
    };
    extraConfig = mkOption {
      type = types.lines;
      default = "";
      description = "Further lines of libvirtd.conf.";
    };
    extraOptions = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "--verbose" ];
      description = "Further arguments of libvirtd.";
    };
    onBoot = mkOption {
      type = types.enum [
        "start"
        "ignore"
      ];
      default = "start";
      description = "Whether machines that ran when the host went down run again.";
    };
    onShutdown = mkOption {
      type = types.enum [
        "shutdown"
        "suspend"
      ];
      default = "suspend";
      description = "Whether machines are saved or shut down when the host goes down.";
    };
    parallelShutdown = mkOption {
      type = types.ints.unsigned;
      default = 0;
      description = "How many machines are shut down at once; one after the other if 0.";
    };
    allowedBridges = mkOption {
      type = types.listOf types.str;
      default = [ "virbr0" ];
      description = "Bridges that machines of users without rights may be on.";
    };
    qemu = {
      package = mkOption {
        type = types.package;
        default = pkgs.qemu;
        defaultText = lib.literalExpression "pkgs.qemu";
        description = "QEMU.";
      };
      runAsRoot = mkOption {
        type = types.bool;
        default = true;
        description = "Whether QEMU runs as root.";
      };
      verbatimConfig = mkOption {
        type = types.lines;
        default = "";
        description = "Further lines of qemu.conf.";
      };
      swtpm.enable = mkOption {
        type = types.bool;
        default = false;
        description = "Whether machines may have a trusted platform module.";
      };
      vhostUserPackages = mkOption {
        type = types.listOf types.package;
        default = [ ];
        example = lib.literalExpression "[ pkgs.virtiofsd ]";
        description = "Packages with programs that carry out devices, file systems for instance.";
      };
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [
      "dnsmasq-base"
      "libvirt-clients"
      "libvirt-daemon-system"
      "ovmf"
      "qemu-utils"
    ]
    ++ cfg.qemu.package.debianPackages or [ ]
    ++ lib.optionals cfg.qemu.swtpm.enable [
      "swtpm"
      "swtpm-tools"
    ]
    ++ lib.concatMap (package: package.debianPackages or [ ]) cfg.qemu.vhostUserPackages;

    users.groups = {
      # NixOS's name, and Debian's, which the socket's group is.
      libvirtd = { };
      libvirt = { };
      libvirt-qemu = { };
    };
    users.users.libvirt-qemu = {
      isSystemUser = true;
      group = "libvirt-qemu";
      extraGroups = [ "kvm" ];
      home = "/var/lib/libvirt";
      description = "Libvirt Qemu";
    };

    security.polkit = {
      enable = true;
      extraConfig = ''
        polkit.addRule(function(action, subject) {
          if (action.id == "org.libvirt.unix.manage" && subject.isInGroup("libvirtd")) {
            return polkit.Result.YES;
          }
        });
      '';
    };

    environment.etc = {
      "libvirt/libvirtd.conf".text = ''
        unix_sock_group = "libvirtd"
        auth_unix_ro = "polkit"
        auth_unix_rw = "polkit"
        ${cfg.extraConfig}
      '';
      "libvirt/qemu.conf".text = qemuConfiguration;
      "qemu/bridge.conf".text = lib.concatMapStrings (bridge: "allow ${bridge}\n") cfg.allowedBridges;
      "default/libvirt-guests".text = ''
        ON_BOOT=${cfg.onBoot}
        ON_SHUTDOWN=${cfg.onShutdown}
        PARALLEL_SHUTDOWN=${toString cfg.parallelShutdown}
      '';
    };

    boot.kernelModules = [ "tun" ];

    systemd.services = {
      libvirtd = {
        overrideStrategy = "asDropin";
        wantedBy = [ "multi-user.target" ];
        restartTriggers = [
          config.environment.etc."libvirt/libvirtd.conf".source
          config.environment.etc."libvirt/qemu.conf".source
        ];
        environment.LIBVIRTD_ARGS = lib.escapeShellArgs (
          [
            "--timeout"
            "120"
          ]
          ++ cfg.extraOptions
        );
        # Machines go on while it restarts.
        restartIfChanged = false;
      };
      libvirt-guests = {
        overrideStrategy = "asDropin";
        wantedBy = [ "multi-user.target" ];
      };
    };
    systemd.sockets = lib.genAttrs [ "libvirtd" "libvirtd-ro" "virtlockd" "virtlogd" ] (_: {
      overrideStrategy = "asDropin";
      wantedBy = [ "sockets.target" ];
    });

    security.wrappers.qemu-bridge-helper = {
      setuid = true;
      owner = "root";
      group = "root";
      source = "/usr/lib/qemu/qemu-bridge-helper";
    };
  };
}
