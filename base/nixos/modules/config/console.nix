# The virtual consoles: keyboard and font.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.console;
  hasKeyMap = cfg.enable && cfg.keyMap != "us";
  hasFont = cfg.enable && cfg.font != null;
in
{
  options.console = {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the host has virtual consoles to set up.";
    };
    font = mkOption {
      type = types.nullOr (types.either types.str types.path);
      default = null;
      example = "Lat2-Terminus16";
      description = "The font; null leaves the kernel's.";
    };
    keyMap = mkOption {
      type = types.either types.str types.path;
      default = "us";
      example = "de";
      description = "The keyboard's layout. `us` is the kernel's own.";
    };
    colors = mkOption {
      type = types.listOf (types.strMatching "[[:xdigit:]]{6}");
      default = [ ];
      description = "The sixteen colours, as RRGGBB.";
    };
  };

  config = {
    environment.debianPackages =
      lib.optionals (hasKeyMap || hasFont) [ "kbd" ]
      ++ lib.optional hasKeyMap "console-data"
      ++ lib.optional hasFont "console-setup-linux";

    environment.etc."vconsole.conf".text = ''
      KEYMAP=${toString cfg.keyMap}
      ${lib.optionalString (cfg.font != null) "FONT=${toString cfg.font}"}
    '';

    boot.kernelParams =
      let
        channel = offset: lib.concatMapStringsSep "," (color: "0x${lib.substring offset 2 color}") cfg.colors;
      in
      lib.optionals (cfg.colors != [ ]) [
        "vt.default_red=${channel 0}"
        "vt.default_grn=${channel 2}"
        "vt.default_blu=${channel 4}"
      ];

    systemd.services.console-setup = lib.mkIf (hasKeyMap || hasFont) {
      description = "Keyboard and font of the consoles";
      wantedBy = [ "multi-user.target" ];
      before = [ "getty.target" ];
      unitConfig.ConditionPathExists = "/dev/tty0";
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
      };
      script =
        lib.optionalString hasKeyMap "loadkeys ${lib.escapeShellArg (toString cfg.keyMap)}\n"
        + lib.optionalString hasFont "setfont ${lib.escapeShellArg (toString cfg.font)}\n";
    };

    assertions = [
      {
        assertion = lib.elem (lib.length cfg.colors) [
          0
          16
        ];
        message = "console.colors must have sixteen colours.";
      }
    ];
  };
}
