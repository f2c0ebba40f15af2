# smartd: watches disks for signs of failure.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.smartd;

  deviceModule.options = {
    device = mkOption {
      type = types.str;
      example = "/dev/sda";
      description = "The disk.";
    };
    options = mkOption {
      type = types.separatedString " ";
      default = "";
      example = "-d sat";
      description = "How this disk is watched.";
    };
  };

  flag =
    default: description:
    mkOption {
      type = types.bool;
      inherit default description;
    };

  wall = pkgs.writeScript "smartd-wall" ''
    #!/bin/sh
    # smartd(8) tells its programs what it found by these variables.
    printf 'Problem detected with disk: %s\nWarning message from smartd is:\n\n%s\n' \
      "$SMARTD_DEVICESTRING" "$SMARTD_MESSAGE" | wall
  '';

  notification = lib.optionalString cfg.notifications.wall.enable "-m <nomailer> -M exec ${wall}${lib.optionalString cfg.notifications.test " -M test"}";
  line = device: options: lib.concatStringsSep " " (lib.filter (part: part != "") [ device notification options ]);

  configuration = pkgs.writeText "smartd.conf" ''
    ${lib.concatMapStringsSep "\n" (
      device: line device.device "${cfg.defaults.monitored} ${device.options}"
    ) cfg.devices}
    ${lib.optionalString cfg.autodetect (line "DEVICESCAN" cfg.defaults.autodetected)}
  '';
in
{
  options.services.smartd = {
    enable = flag false "Whether disks are watched for signs of failure.";
    autodetect = flag true "Whether all disks are watched, besides those that are listed.";
    extraOptions = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "-A /var/log/smartd/" ];
      description = "Further arguments of smartd.";
    };
    notifications = {
      wall.enable = flag true "Whether everyone who is logged in is told.";
      mail.enable = mkOption {
        type = types.enum [ false ];
        default = false;
        description = "Whether somebody is told by mail; the Debian base sets up no mail server.";
      };
      test = flag false "Whether a message is sent when smartd starts.";
    };
    defaults = {
      monitored = mkOption {
        type = types.separatedString " ";
        default = "-a";
        example = "-a -o on -s (S/../.././02|L/../../7/04)";
        description = "How listed disks are watched; see {manpage}`smartd.conf(5)`.";
      };
      autodetected = mkOption {
        type = types.separatedString " ";
        default = cfg.defaults.monitored;
        defaultText = lib.literalExpression "config.services.smartd.defaults.monitored";
        description = "How other disks are watched.";
      };
    };
    devices = mkOption {
      type = types.listOf (types.submodule deviceModule);
      default = [ ];
      example = [ { device = "/dev/sda"; } ];
      description = "Disks.";
    };
  };

  config = lib.mkIf cfg.enable {
    system.debian.ownTexts = [ configuration ];

    environment.debianPackages = [ "smartmontools" ];

    systemd.services.smartd = {
      description = "S.M.A.R.T. Daemon";
      wantedBy = [ "multi-user.target" ];
      aliases = [ "smartmontools.service" ];
      serviceConfig = {
        Type = "notify";
        # `never`: a host without such a disk is in order.
        ExecStart = "/usr/sbin/smartd ${lib.concatStringsSep " " cfg.extraOptions} --no-fork --quit=never --configfile=${configuration}";
      };
    };

    assertions = [
      {
        assertion = cfg.autodetect || cfg.devices != [ ];
        message = "services.smartd watches nothing: autodetect is false and devices is empty.";
      }
    ];
  };
}
