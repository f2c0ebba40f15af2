# tmux.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.programs.tmux;

  defaultKeyMode = "emacs";
  defaultResize = 5;
  defaultShortcut = "b";
  onOff = value: if value then "on" else "off";

  flag =
    default: description:
    mkOption {
      type = types.bool;
      inherit default description;
    };

  configuration = ''
    set -g default-terminal "${cfg.terminal}"
    set -g base-index ${toString cfg.baseIndex}
    setw -g pane-base-index ${toString cfg.baseIndex}
    set -g history-limit ${toString cfg.historyLimit}
    ${lib.optionalString cfg.newSession "new-session"}
    ${lib.optionalString cfg.reverseSplit ''
      bind v split-window -h
      bind s split-window -v
    ''}
    set -g status-keys ${cfg.keyMode}
    set -g mode-keys ${cfg.keyMode}
    ${lib.optionalString (cfg.keyMode == "vi" && cfg.customPaneNavigationAndResize) ''
      bind h select-pane -L
      bind j select-pane -D
      bind k select-pane -U
      bind l select-pane -R
      bind -r H resize-pane -L ${toString cfg.resizeAmount}
      bind -r J resize-pane -D ${toString cfg.resizeAmount}
      bind -r K resize-pane -U ${toString cfg.resizeAmount}
      bind -r L resize-pane -R ${toString cfg.resizeAmount}
    ''}
    ${lib.optionalString (cfg.shortcut != defaultShortcut) ''
      unbind C-${defaultShortcut}
      set -g prefix C-${cfg.shortcut}
      bind ${cfg.shortcut} send-prefix
      bind C-${cfg.shortcut} last-window
    ''}
    setw -g aggressive-resize ${onOff cfg.aggressiveResize}
    setw -g clock-mode-style ${if cfg.clock24 then "24" else "12"}
    set -s escape-time ${toString cfg.escapeTime}
    ${cfg.extraConfigBeforePlugins}
    ${lib.concatMapStrings (plugin: "run-shell ${plugin.rtp or plugin}\n") cfg.plugins}
    ${cfg.extraConfig}
  '';
in
{
  options.programs.tmux = {
    enable = flag false "Whether tmux is there and set up for all users.";
    package = mkOption {
      type = types.package;
      default = pkgs.tmux;
      defaultText = lib.literalExpression "pkgs.tmux";
      description = "tmux.";
    };
    aggressiveResize = flag false "Whether a window is as large as the smallest client that looks at it, not the smallest of the session.";
    baseIndex = mkOption {
      type = types.int;
      default = 0;
      example = 1;
      description = "The number of the first window and pane.";
    };
    clock24 = flag false "Whether the clock counts to 24.";
    customPaneNavigationAndResize = flag false "Whether the keys h, j, k, l change between panes, and H, J, K, L their size.";
    escapeTime = mkOption {
      type = types.int;
      default = 500;
      example = 0;
      description = "How long to wait after an escape for the rest of a key, in milliseconds.";
    };
    extraConfigBeforePlugins = mkOption {
      type = types.lines;
      default = "";
      description = "Further lines of /etc/tmux.conf before plugins are loaded.";
    };
    extraConfig = mkOption {
      type = types.lines;
      default = "";
      description = "Further lines of /etc/tmux.conf.";
    };
    historyLimit = mkOption {
      type = types.int;
      default = 2000;
      example = 5000;
      description = "How many lines a window remembers.";
    };
    keyMode = mkOption {
      type = types.enum [
        "emacs"
        "vi"
      ];
      default = defaultKeyMode;
      description = "Whose keys are used.";
    };
    newSession = flag false "Whether `tmux attach` makes a session where there is none.";
    plugins = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "Plugins.";
    };
    resizeAmount = mkOption {
      type = types.ints.positive;
      default = defaultResize;
      example = 10;
      description = "By how many lines or columns a key changes a pane.";
    };
    reverseSplit = flag false "Whether the keys v and s split as in vim.";
    secureSocket = flag true "Whether sessions end with the user's login, their socket being in /run.";
    shortcut = mkOption {
      type = types.str;
      default = defaultShortcut;
      example = "a";
      description = "The key that is pressed with Ctrl before tmux's own keys.";
    };
    terminal = mkOption {
      type = types.str;
      default = "screen";
      example = "screen-256color";
      description = "The value of TERM in windows.";
    };
    withUtempter = mkOption {
      type = types.enum [ true ];
      default = true;
      description = "Whether windows count as logins. Debian's tmux does so.";
    };
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.package ] ++ cfg.plugins;
    environment.etc."tmux.conf".text = configuration;
    environment.variables.TMUX_TMPDIR = lib.mkIf cfg.secureSocket ''''${XDG_RUNTIME_DIR:-"/run/user/$(id -u)"}'';
  };
}
