# Boards of a runner: for each a service that serves it, and a command to look at it by hand.
{
  config,
  lib,
  pkgs,
  user,
  ...
}:

let
  inherit (lib) mkOption types;
  inherit (config) boards;
  keeper = pkgs.callPackage ../tools/board-keeper.nix { };

  # The ports that a board hangs on, as the tool takes them.
  ports = board: "--uart ${board.uart} --card ${board.card}";

  boardModule =
    { name, ... }:
    {
      options = {
        uart = mkOption {
          type = types.str;
          example = "1-1.1.3";
          description = "The USB port of the board's serial adapter, by its path.";
        };
        card = mkOption {
          type = types.str;
          example = "1-1.1.4";
          description = "The USB port of its card's multiplexer, by its path.";
        };
        targets = mkOption {
          type = types.listOf types.str;
          default = [ "fpga" ];
          description = "Labels of jobs that the board runs.";
        };
        serve = mkOption {
          type = types.bool;
          default = true;
          description = "Whether it runs jobs; a board of somebody's own does not.";
        };
        image = mkOption {
          type = types.str;
          default = "/home/${user}/images/${name}.img";
          description = "What its card is written with before each job.";
        };
      };
    };
in
{
  options.boards = mkOption {
    type = types.attrsOf (types.submodule boardModule);
    default = { };
    description = "The boards of the runner, by name.";
  };

  config = {
    systemd.services = lib.mapAttrs (name: board: {
      description = "Jobs for the board ${name}";
      enable = board.serve;
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      serviceConfig = {
        Type = "simple";
        User = user;
        ExecStart = "${lib.getExe keeper} ${ports board} serve ${board.image}";
        Environment = [
          "BOARD_UART=${board.uart}"
          "BOARD_TARGETS=${lib.concatStringsSep "," board.targets}"
          "BOARD_NAME=${config.networking.hostName}-${name}"
        ];
        Restart = "on-failure";
        RestartSec = "15s";
      };
    }) boards
    // {
      fetch-images = {
        description = "Fetch the boards' images";
        serviceConfig = {
          Type = "oneshot";
          User = user;
          ExecStart = "${lib.getExe keeper} fetch /home/${user}/images";
        };
      };
      remove-old-images = {
        description = "Remove old images";
        serviceConfig = {
          Type = "oneshot";
          User = user;
        };
        path = [ pkgs.fd ];
        script = "fd --glob '*.img.old*' --change-older-than '4 weeks' --exec-batch rm -- . /home/${user}/images";
      };
    };

    systemd.timers = {
      fetch-images = {
        wantedBy = [ "timers.target" ];
        timerConfig = {
          OnCalendar = "Wed *-*-* 05:00:00";
          Persistent = true;
        };
      };
      remove-old-images = {
        wantedBy = [ "timers.target" ];
        timerConfig = {
          OnCalendar = "Sat *-*-* 05:00:00";
          Persistent = true;
        };
      };
    };

    systemd.tmpfiles.rules = [ "d /home/${user}/images 0755 ${user} users -" ];

    environment.systemPackages = [
      keeper
    ]
    ++ lib.mapAttrsToList (
      name: board:
      pkgs.writeShellScriptBin "${name}-debug" ''
        exec ${lib.getExe keeper} ${ports board} "$@"
      ''
    ) boards;

    # Serial adapters and multiplexers, for whoever is of the group.
    services.udev.packages = [ pkgs.usbsdmux ];
    services.udev.extraRules = lib.concatMapStrings (
      id:
      let
        part = lib.elemAt (lib.splitString ":" id);
      in
      ''
        SUBSYSTEMS=="usb", ATTRS{idVendor}=="${part 0}", ATTRS{idProduct}=="${part 1}", GROUP="dialout", MODE="0660"
      ''
    ) [
      "0403:6011"
      "04e8:6001"
      "0424:2640"
      "0424:4050"
    ];
  };
}
