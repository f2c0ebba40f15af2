# fish.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.programs.fish;
  environment = config.environment;

  lines = what: mkOption {
    type = types.lines;
    default = "";
    description = what;
  };
  vendor = what: mkOption {
    type = types.enum [ true ];
    default = true;
    description = "Whether ${what} that packages ship are used. fish finds them under /usr by itself.";
  };

  aliases = lib.concatStrings (
    lib.mapAttrsToList (
      name: value: lib.optionalString (value != null) "alias ${name} ${lib.escapeShellArg (toString value)}\n"
    ) cfg.shellAliases
  );
  abbreviations = lib.concatStrings (
    lib.mapAttrsToList (name: value: "abbr -ag -- ${name} ${lib.escapeShellArg value}\n") cfg.shellAbbrs
  );

  # fish cannot read the shell commands of /etc/set-environment: it takes over what they set.
  loadEnvironment = ''
    if not set -q __NIXOS_SET_ENVIRONMENT_DONE
      for line in (sh -c '. /etc/set-environment && env -0' | string split0)
        set -l pair (string split -m 1 = -- $line)
        switch $pair[1]
          case _ PWD SHLVL
          case PATH
            set -gx PATH (string split : -- $pair[2])
          case '*'
            set -gx $pair[1] $pair[2]
        end
      end
    end
  '';
in
{
  options.programs.fish = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether fish is there and set up for all users. Users whose login shell it is need this.";
    };
    useBabelfish = mkOption {
      type = types.enum [ false ];
      default = false;
      description = "Whether the environment is translated to fish by another program. It is read from a shell here.";
    };
    vendor = {
      config.enable = vendor "settings";
      completions.enable = vendor "completions";
      functions.enable = vendor "functions";
    };
    shellAbbrs = mkOption {
      type = types.attrsOf types.str;
      default = { };
      example = {
        gco = "git checkout";
      };
      description = "Abbreviations, which are written out when they are typed.";
    };
    shellAliases = mkOption {
      type = types.attrsOf (types.nullOr (types.either types.str types.path));
      default = { };
      description = "Aliases in fish.";
    };
    shellInit = lines "Commands of fish run at its start.";
    loginShellInit = lines "Commands of fish run at the start of a login shell.";
    interactiveShellInit = lines "Commands of fish run at the start of a shell that somebody types into.";
    promptInit = lines "Commands of fish that set the prompt.";
  };

  config = lib.mkIf cfg.enable {
    programs.fish.shellAliases = lib.mapAttrs (_: lib.mkDefault) environment.shellAliases;

    environment.debianPackages = [ "fish" ];
    environment.shells = [
      "/bin/fish"
      "/usr/bin/fish"
      "/run/current-system/sw/bin/fish"
    ];

    environment.etc."fish/config.fish".text = ''
      # Read by every fish.
      ${loadEnvironment}
      ${cfg.shellInit}
      if status is-login
        ${cfg.loginShellInit}
      end
      if status is-interactive
        ${abbreviations}
        ${aliases}
        ${cfg.promptInit}
        ${cfg.interactiveShellInit}
      end
    '';
  };
}
