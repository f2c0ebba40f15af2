# zsh.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.programs.zsh;
  environment = config.environment;

  lines = what: mkOption {
    type = types.lines;
    default = "";
    description = what;
  };

  aliases = lib.concatStrings (
    lib.mapAttrsToList (
      name: value: lib.optionalString (value != null) "alias -- ${name}=${lib.escapeShellArg (toString value)}\n"
    ) cfg.shellAliases
  );
in
{
  options.programs.zsh = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether zsh is there and set up for all users. Users whose login shell it is need this.";
    };
    shellAliases = mkOption {
      type = types.attrsOf (types.nullOr (types.either types.str types.path));
      default = { };
      description = "Aliases in zsh.";
    };
    shellInit = lines "Shell commands run at the start of zsh.";
    loginShellInit = lines "Shell commands run at the start of a login zsh.";
    interactiveShellInit = lines "Shell commands run at the start of a zsh that somebody types into.";
    promptInit = mkOption {
      type = types.lines;
      default = ''
        # A prompt of zsh's own themes.
        autoload -U promptinit && promptinit && prompt suse && setopt prompt_sp
      '';
      description = "Shell commands that set the prompt.";
    };
    histSize = mkOption {
      type = types.int;
      default = 2000;
      description = "How many lines of history are kept.";
    };
    histFile = mkOption {
      type = types.str;
      default = "$HOME/.zsh_history";
      description = "The file of the history.";
    };
    setOptions = mkOption {
      type = types.listOf types.str;
      default = [
        "HIST_IGNORE_DUPS"
        "SHARE_HISTORY"
        "HIST_FCNTL_LOCK"
      ];
      example = [
        "EXTENDED_HISTORY"
        "RM_STAR_WAIT"
      ];
      description = "Options of zsh; see {manpage}`zshoptions(1)`.";
    };
    enableCompletion = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the tab key completes arguments of programs.";
    };
    enableBashCompletion = mkOption {
      type = types.bool;
      default = false;
      description = "Whether completions made for bash serve too.";
    };
    enableGlobalCompInit = mkOption {
      type = types.bool;
      default = cfg.enableCompletion;
      defaultText = lib.literalExpression "config.programs.zsh.enableCompletion";
      description = "Whether completion is set up for all users, not left to each.";
    };
    enableLsColors = mkOption {
      type = types.bool;
      default = true;
      description = "Whether `ls` shows kinds of files in colours.";
    };
    autosuggestions = {
      enable = mkOption {
        type = types.bool;
        default = false;
        description = "Whether lines of the history are suggested while somebody types.";
      };
      strategy = mkOption {
        type = types.listOf (
          types.enum [
            "history"
            "completion"
            "match_prev_cmd"
          ]
        );
        default = [ "history" ];
        description = "Where suggestions come from.";
      };
      highlightStyle = mkOption {
        type = types.str;
        default = "fg=8";
        example = "fg=cyan";
        description = "How a suggestion looks.";
      };
    };
    syntaxHighlighting = {
      enable = mkOption {
        type = types.bool;
        default = false;
        description = "Whether commands are coloured while somebody types.";
      };
      highlighters = mkOption {
        type = types.listOf (
          types.enum [
            "main"
            "brackets"
            "pattern"
            "regexp"
            "cursor"
            "root"
            "line"
          ]
        );
        default = [ "main" ];
        description = "What is coloured.";
      };
    };
  };

  config = lib.mkIf cfg.enable {
    programs.zsh.shellAliases = lib.mapAttrs (_: lib.mkDefault) environment.shellAliases;

    environment.debianPackages = [
      "zsh"
    ]
    ++ lib.optional cfg.autosuggestions.enable "zsh-autosuggestions"
    ++ lib.optional cfg.syntaxHighlighting.enable "zsh-syntax-highlighting";

    environment.shells = [
      "/bin/zsh"
      "/usr/bin/zsh"
      "/run/current-system/sw/bin/zsh"
    ];

    environment.etc = {
      "zsh/zshenv".text = ''
        # Read by every zsh.
        if [ -n "''${__ETC_ZSHENV_SOURCED-}" ]; then return; fi
        __ETC_ZSHENV_SOURCED=1
        if [ -z "''${__NIXOS_SET_ENVIRONMENT_DONE-}" ]; then
          . /etc/set-environment
        fi
        HELPDIR="/usr/share/zsh/help"
        ${environment.shellInit}
        ${cfg.shellInit}
        [ -f /etc/zsh/zshenv.local ] && . /etc/zsh/zshenv.local
        true
      '';
      "zsh/zprofile".text = ''
        # Read by login shells.
        if [ -n "''${__ETC_ZPROFILE_SOURCED-}" ]; then return; fi
        __ETC_ZPROFILE_SOURCED=1
        ${environment.loginShellInit}
        ${cfg.loginShellInit}
      '';
      "zsh/zshrc".text = ''
        # Read by a zsh that somebody types into.
        if [ -n "''${__ETC_ZSHRC_SOURCED-}" -o -n "''${NOSYSZSHRC-}" ]; then return; fi
        __ETC_ZSHRC_SOURCED=1
        ${lib.optionalString (cfg.setOptions != [ ]) "setopt ${lib.concatStringsSep " " cfg.setOptions}"}
        SAVEHIST=${toString cfg.histSize}
        HISTSIZE=${toString cfg.histSize}
        HISTFILE=${cfg.histFile}
        ${lib.optionalString cfg.enableGlobalCompInit "autoload -U compinit && compinit"}
        ${lib.optionalString cfg.enableBashCompletion "autoload -U bashcompinit && bashcompinit"}
        ${lib.optionalString cfg.enableLsColors ''eval "$(dircolors -b)"''}
        ${lib.optionalString cfg.autosuggestions.enable ''
          . /usr/share/zsh-autosuggestions/zsh-autosuggestions.zsh
          ZSH_AUTOSUGGEST_HIGHLIGHT_STYLE=${lib.escapeShellArg cfg.autosuggestions.highlightStyle}
          ZSH_AUTOSUGGEST_STRATEGY=(${lib.concatStringsSep " " cfg.autosuggestions.strategy})
        ''}
        ${environment.interactiveShellInit}
        ${cfg.interactiveShellInit}
        ${aliases}
        ${cfg.promptInit}
        # The last, as it wraps what is there.
        ${lib.optionalString cfg.syntaxHighlighting.enable ''
          . /usr/share/zsh-syntax-highlighting/zsh-syntax-highlighting.zsh
          ZSH_HIGHLIGHT_HIGHLIGHTERS=(${lib.concatStringsSep " " cfg.syntaxHighlighting.highlighters})
        ''}
        # zsh sets ~/.zshrc up for whoever has none; the answer is here.
        true
      '';
    };
  };
}
