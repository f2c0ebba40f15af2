# Nix on the host: the daemon and its build users.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.nix;

  # NixOS's numbers, so that a store keeps its owners when it moves.
  firstBuildUser = 30000;

  buildUser = index: {
    name = "nixbld${toString index}";
    value = {
      uid = lib.mkDefault (firstBuildUser + index);
      isSystemUser = true;
      group = "nixbld";
      extraGroups = [ "nixbld" ];
      description = "Nix build user ${toString index}";
    };
  };
in
{
  options.nix = {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the host has Nix. Hosts need none to be built, installed and switched; without it nobody builds or collects garbage on the host.";
    };

    package = mkOption {
      type = types.package;
      default = pkgs.nix;
      defaultText = lib.literalExpression "pkgs.nix";
      description = "Nix.";
    };

    daemonCPUSchedPolicy = mkOption {
      type = types.enum [
        "other"
        "batch"
        "idle"
      ];
      default = "other";
      description = "How builds compete for the processors; see {manpage}`sched(7)`.";
    };

    daemonIOSchedClass = mkOption {
      type = types.enum [
        "best-effort"
        "idle"
      ];
      default = "best-effort";
      description = "How builds compete for disks; see {manpage}`ionice(1)`.";
    };

    daemonIOSchedPriority = mkOption {
      type = types.ints.between 0 7;
      default = 4;
      description = "The priority of builds in their class, from 0, the highest, to 7.";
    };

    nrBuildUsers = mkOption {
      type = types.ints.unsigned;
      default = if cfg.settings.auto-allocate-uids or false then 0 else 32;
      defaultText = lib.literalExpression "32";
      description = "The number of users that builds run as, one each.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.debianPackages = [
      "nix-bin"
      "nix-setup-systemd"
    ]
    ++ cfg.package.debianPackages or [ ];

    users.users = lib.listToAttrs (map buildUser (lib.range 1 cfg.nrBuildUsers));
    users.groups.nixbld.gid = firstBuildUser;
    # Debian's package gives this group the daemon's directories.
    users.groups.nix-users = { };

    systemd.sockets.nix-daemon = {
      overrideStrategy = "asDropin";
      wantedBy = [ "sockets.target" ];
    };
    systemd.services.nix-daemon = {
      overrideStrategy = "asDropin";
      path = [ ];
      serviceConfig = {
        CPUSchedulingPolicy = cfg.daemonCPUSchedPolicy;
        IOSchedulingClass = cfg.daemonIOSchedClass;
        IOSchedulingPriority = cfg.daemonIOSchedPriority;
        # The store is read-only for all but whoever mounts it again for himself.
        PrivateMounts = true;
      };
      restartTriggers = [ config.environment.etc."nix/nix.conf".source ];
      # A build under way goes on; the next one has the new settings.
      stopIfChanged = false;
    };

    systemd.tmpfiles.rules = [
      "d /nix/var 0755 root root -"
      "d /nix/var/nix 0755 root root -"
      "L+ /nix/var/nix/gcroots/booted-system - - - - /run/booted-system"
      "L+ /nix/var/nix/gcroots/current-system - - - - /run/current-system"
    ];

    # Programs without rights talk to the daemon; root may open the store itself.
    environment.extraInit = ''
      if [ -e "$HOME/.nix-defexpr/channels" ]; then
        export NIX_PATH="$HOME/.nix-defexpr/channels''${NIX_PATH:+:$NIX_PATH}"
      fi
    '';
  };
}
