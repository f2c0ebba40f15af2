# The environment of shells and sessions.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.environment;

  variableType =
    with types;
    attrsOf (
      nullOr (oneOf [
        (listOf (oneOf [
          int
          str
          path
        ]))
        int
        str
        path
      ])
    );
  asText = value: if builtins.isList value then lib.concatMapStringsSep ":" toString value else toString value;
  variables = what: mkOption {
    default = { };
    type = variableType;
    apply = lib.mapAttrs (_: value: if value == null then null else asText value);
    description = what;
  };
  given = lib.filterAttrs (_: value: value != null);

  exports = lib.concatStrings (
    lib.mapAttrsToList (name: value: "export ${name}=\"${value}\"\n") (given cfg.variables)
  );

  # Before Debian's own places: programs with other rights, then what the host is made of.
  searchPath = "/run/wrappers/bin:/run/current-system/sw/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

  setEnvironment = pkgs.writeText "set-environment" ''
    # Made from environment.variables and environment.extraInit of the configuration.
    export __NIXOS_SET_ENVIRONMENT_DONE=1
    export PATH="${searchPath}"
    ${exports}
    ${cfg.extraInit}
    ${lib.optionalString cfg.homeBinInPath ''export PATH="$HOME/bin:$PATH"''}
    ${lib.optionalString cfg.localBinInPath ''export PATH="$HOME/.local/bin:$PATH"''}
  '';

  lines = what: mkOption {
    type = types.lines;
    default = "";
    description = what;
  };

  # pam_env.conf(5): `@` and `$` of a value are escaped.
  pamLine =
    name: value:
    "${name} DEFAULT=\"${lib.replaceStrings [ "$" "@" "\"" ] [ "\\$" "\\@" "\\\"" ] value}\"\n";
in
{
  options.environment = {
    variables = variables "Environment variables of shells.";
    sessionVariables = variables "Environment variables of every session, whether it has a shell or not.";

    shellAliases = mkOption {
      type = types.attrsOf (types.nullOr (types.either types.str types.path));
      default = { };
      example = {
        ll = "ls -l";
      };
      description = "Aliases in all shells.";
    };
    shells = mkOption {
      type = types.listOf (types.either types.package types.path);
      default = [ ];
      example = lib.literalExpression "[ pkgs.zsh ]";
      description = "Login shells that users may choose, in /etc/shells.";
    };
    shellInit = lines "Shell commands run at the start of each shell.";
    loginShellInit = lines "Shell commands run at the start of each login shell.";
    interactiveShellInit = lines "Shell commands run at the start of each shell that somebody types into.";
    extraInit = lines "Shell commands run when the environment is set, once a session.";
    homeBinInPath = mkOption {
      type = types.bool;
      default = false;
      description = "Whether `~/bin` is on PATH.";
    };
    localBinInPath = mkOption {
      type = types.bool;
      default = false;
      description = "Whether `~/.local/bin` is on PATH.";
    };
    binsh = mkOption {
      type = types.enum [ "/bin/sh" ];
      default = "/bin/sh";
      internal = true;
      description = "The shell of scripts. On Debian it is dash, as packages' scripts expect.";
    };
  };

  config = {
    system.debian.ownTexts = [ setEnvironment ];

    environment = {
      variables = lib.mapAttrs (_: lib.mkDefault) (given cfg.sessionVariables) // {
        EDITOR = lib.mkDefault "/usr/bin/editor";
        PAGER = lib.mkDefault "less";
      };

      shellAliases = lib.mapAttrs (_: lib.mkDefault) {
        ls = "ls --color=tty";
        ll = "ls -l";
        l = "ls -alh";
      };

      etc = {
        "set-environment".source = setEnvironment;

        shells.text =
          lib.concatMapStrings (shell: "${utils.toShellPath shell}\n") (
            lib.unique (
              cfg.shells
              ++ [
                "/bin/sh"
                "/usr/bin/sh"
                "/bin/bash"
                "/usr/bin/bash"
                "/run/current-system/sw/bin/bash"
              ]
            )
          );

        "pam/environment".text =
          pamLine "PATH" searchPath + lib.concatStrings (lib.mapAttrsToList pamLine (given cfg.sessionVariables));
      };
    };

    # Packages that are shells: a user's shell must be on the host.
    environment.systemPackages = lib.filter lib.isDerivation cfg.shells;
  };
}
