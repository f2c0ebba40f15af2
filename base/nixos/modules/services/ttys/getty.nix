# Logins on consoles.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.services.getty;

  arguments =
    lib.optional (cfg.autologinUser != null) "--autologin ${cfg.autologinUser}"
    ++ cfg.extraArgs;

  # agetty(8) as Debian's units start it, with our arguments before.
  command = tail: [
    ""
    "-/sbin/agetty ${lib.concatStringsSep " " (arguments ++ [ tail ])}"
  ];
in
{
  imports = [
    (lib.mkRenamedOptionModule [ "services" "mingetty" "autologinUser" ] [ "services" "getty" "autologinUser" ])
  ];

  options.services.getty = {
    autologinUser = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "A user who is logged in on the consoles without being asked.";
    };

    extraArgs = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "--nohostname" ];
      description = "Further arguments of agetty.";
    };

    greetingLine = mkOption {
      type = types.str;
      default = ''<<< Welcome to \S (\m) - \l >>>'';
      description = "The first line on a console; see {manpage}`agetty(8)` for what `\\` stands for.";
    };

    helpLine = mkOption {
      type = types.lines;
      default = "";
      description = "What stands below {option}`services.getty.greetingLine`.";
    };
  };

  config = {
    environment.etc.issue.text = ''

      ${cfg.greetingLine}
      ${cfg.helpLine}
    '';

    # A console is there from the start; others come when they are switched to.
    systemd.services."getty@tty1" = {
      overrideStrategy = "asDropin";
      wantedBy = [ "getty.target" ];
    };

    systemd.services."getty@" = lib.mkIf (arguments != [ ]) {
      overrideStrategy = "asDropin";
      restartIfChanged = false;
      serviceConfig.ExecStart = command "--noreset --noclear - \${TERM}";
    };

    systemd.services."serial-getty@" = lib.mkIf (arguments != [ ]) {
      overrideStrategy = "asDropin";
      restartIfChanged = false;
      serviceConfig.ExecStart = command "--keep-baud 115200,57600,38400,9600 - \${TERM}";
    };
  };
}
