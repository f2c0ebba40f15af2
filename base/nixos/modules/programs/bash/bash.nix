# bash, and what /etc/profile is for all shells of its kind.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.programs.bash;
  environment = config.environment;

  aliases = lib.concatStrings (
    lib.mapAttrsToList (
      name: value: lib.optionalString (value != null) "alias -- ${name}=${lib.escapeShellArg (toString value)}\n"
    ) cfg.shellAliases
  );

  lines = what: mkOption {
    type = types.lines;
    default = "";
    description = what;
  };

  loadEnvironment = ''
    if [ -z "$__NIXOS_SET_ENVIRONMENT_DONE" ]; then
      . /etc/set-environment
    fi
  '';
in
{
  options.programs.bash = {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether bash is set up for interactive use.";
    };
    shellAliases = mkOption {
      type = types.attrsOf (types.nullOr (types.either types.str types.path));
      default = { };
      description = "Aliases in bash.";
    };
    shellInit = lines "Shell commands run at the start of bash.";
    loginShellInit = lines "Shell commands run at the start of a login bash.";
    interactiveShellInit = lines "Shell commands run at the start of a bash that somebody types into.";
    promptInit = mkOption {
      type = types.lines;
      default = ''
        # Colours for terminals that have them.
        if [ "$TERM" != "dumb" ] || [ -n "$INSIDE_EMACS" ]; then
          if [ "$UID" -eq 0 ]; then
            PS1='\n\[\033[1;31m\][\u@\h:\w]\$\[\033[0m\] '
          else
            PS1='\n\[\033[1;32m\][\u@\h:\w]\$\[\033[0m\] '
          fi
        fi
      '';
      description = "Shell commands that set the prompt.";
    };
    completion.enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the tab key completes arguments of programs.";
    };
  };

  config = lib.mkMerge [
    {
      environment.etc.profile.text = ''
        # Read by login shells of the Bourne family.
        ${loadEnvironment}
        ${environment.shellInit}
        ${environment.loginShellInit}
        if [ -n "$BASH_VERSION" ]; then
          ${cfg.shellInit}
          ${cfg.loginShellInit}
          [ -n "$PS1" ] && . /etc/bash.bashrc
        fi
      '';
    }
    (lib.mkIf cfg.enable {
      programs.bash.shellAliases = lib.mapAttrs (_: lib.mkDefault) environment.shellAliases;

      environment.debianPackages = [ "bash" ] ++ lib.optional cfg.completion.enable "bash-completion";

      environment.etc."bash.bashrc".text = ''
        # Read by bash when it is no login shell, and by way of /etc/profile when it is.
        [ -n "$__ETC_BASHRC_SOURCED" ] && return
        __ETC_BASHRC_SOURCED=1
        ${loadEnvironment}
        [ -z "$PS1" ] && return
        shopt -s checkwinsize
        ${cfg.promptInit}
        ${aliases}
        ${environment.interactiveShellInit}
        ${cfg.interactiveShellInit}
        ${lib.optionalString cfg.completion.enable ''
          if [ -z "$BASH_COMPLETION_VERSINFO" ] && [ -r /usr/share/bash-completion/bash_completion ]; then
            . /usr/share/bash-completion/bash_completion
          fi
        ''}
      '';
      # NixOS's name for the same file.
      environment.etc.bashrc = {
        inherit (config.environment.etc."bash.bashrc") source texts;
      };
    })
  ];
}
