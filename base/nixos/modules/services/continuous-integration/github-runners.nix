# Runners of GitHub's jobs.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;

  flag =
    default: description:
    mkOption {
      type = types.bool;
      inherit default description;
    };

  runnerModule =
    { name, ... }:
    {
      options = {
        enable = flag false "Whether the runner is there.";
        url = mkOption {
          type = types.str;
          example = "https://github.com/example/project";
          description = "The repository or organisation whose jobs it runs.";
        };
        tokenFile = mkOption {
          type = types.path;
          example = "/var/lib/secrets/runner-token";
          description = "A file on the host with a token for registration, or one of a person's that may make such.";
        };
        tokenType = mkOption {
          type = types.enum [
            "auto"
            "access"
            "registration"
          ];
          default = "auto";
          description = "What the token is: a person's begins with `ghp_` or `github_pat_`.";
        };
        name = mkOption {
          type = types.nullOr types.str;
          default = name;
          defaultText = lib.literalMD "the name of the attribute";
          description = "The runner's name on GitHub's pages; the host's if null.";
        };
        runnerGroup = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "The group that it joins.";
        };
        extraLabels = mkOption {
          type = types.listOf types.str;
          default = [ ];
          example = [ "fpga" ];
          description = "Further labels that jobs ask for it by.";
        };
        noDefaultLabels = flag false "Whether it has no others.";
        replace = flag false "Whether it takes the place of a runner of the same name.";
        ephemeral = flag false "Whether it runs one job and registers anew.";
        extraPackages = mkOption {
          type = types.listOf types.package;
          default = [ ];
          description = "Packages whose programs jobs find.";
        };
        extraEnvironment = mkOption {
          type = types.attrsOf types.str;
          default = { };
          description = "Environment variables of jobs.";
        };
        serviceOverrides = mkOption {
          type = types.attrs;
          default = { };
          example = {
            ProtectHome = false;
          };
          description = "Settings of the service that replace others.";
        };
        package = mkOption {
          type = types.path;
          default =
            pkgs.github-runner or (throw ''
              services.github-runners.${name}.package: Debian has no runner of GitHub's. Set the option to the archive of a release:
                pkgs.fetchurl { url = "https://github.com/actions/runner/releases/download/v…/actions-runner-linux-${
                  if pkgs.stdenv.hostPlatform.isAarch64 then "arm64" else "x64"
                }-….tar.gz"; hash = "sha256-…"; }'');
          defaultText = lib.literalExpression "pkgs.github-runner";
          description = "GitHub's runner: the archive of a release, which the service unpacks. Debian has none.";
        };
        user = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "The user that jobs run as; one of the service's own if null.";
        };
        group = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "The group that jobs run as.";
        };
        workDir = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "Where jobs work; a directory that goes with the service if null.";
        };
        nodeRuntimes = mkOption {
          type = types.nonEmptyListOf (types.enum [ "node20" "node24" ]);
          default = [ "node20" ];
          description = "Versions of Node.js for jobs. The archive brings them, so all are there.";
        };
      };
    };

  runners = lib.filterAttrs (_: runner: runner.enable) config.services.github-runners;

  service =
    name: runner:
    let
      unit = "github-runner-${name}";
      state = "/var/lib/github-runner/${name}";
      work = if runner.workDir == null then "/run/github-runner/${name}" else runner.workDir;
      # What a registration depends on; it is made anew when something of it changes.
      identity = builtins.hashString "sha256" (
        builtins.toJSON (
          removeAttrs runner [
            "serviceOverrides"
            "package"
            "extraPackages"
            "extraEnvironment"
          ]
        )
      );
      arguments =
        [
          "--unattended"
          "--disableupdate"
          "--work"
          work
          "--url"
          runner.url
          "--labels"
          (lib.concatStringsSep "," runner.extraLabels)
        ]
        ++ lib.optionals (runner.name != null) [
          "--name"
          runner.name
        ]
        ++ lib.optionals (runner.runnerGroup != null) [
          "--runnergroup"
          runner.runnerGroup
        ]
        ++ lib.optional runner.replace "--replace"
        ++ lib.optional runner.ephemeral "--ephemeral"
        ++ lib.optional runner.noDefaultLabels "--no-default-labels";
      configure = pkgs.writeShellScript "${unit}-configure" ''
        set -eu
        cd ${state}
        if [ "$(cat .package 2>/dev/null)" != ${runner.package} ]; then
          # The runner writes beside its programs, so it cannot lie in the store.
          tar --extract --gzip --file ${runner.package}
          echo ${runner.package} > .package
        fi
        if [ "$(cat .identity 2>/dev/null)" != ${identity} ] || ! [ -e .runner ] ${lib.optionalString runner.ephemeral "|| true"}; then
          rm -f .runner .credentials .credentials_rsaparams
          token=$(cat "$CREDENTIALS_DIRECTORY/token")
          case ${runner.tokenType}:$token in
            access:* | auto:ghp_* | auto:github_pat_*) kind=--pat ;;
            *) kind=--token ;;
          esac
          ./config.sh ${lib.escapeShellArgs arguments} "$kind" "$token"
          echo ${identity} > .identity
        fi
      '';
    in
    {
      description = "GitHub Actions runner ${name}";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [
        "network.target"
        "network-online.target"
      ];
      path = [
        pkgs.bash
        pkgs.coreutils
        pkgs.git
        pkgs.gnutar
        pkgs.gzip
      ]
      ++ runner.extraPackages;
      environment = {
        HOME = state;
        RUNNER_ROOT = state;
      }
      // runner.extraEnvironment;
      serviceConfig = {
        ExecStartPre = configure;
        ExecStart = "${state}/bin/Runner.Listener run --startuptype service";
        LoadCredential = [ "token:${runner.tokenFile}" ];
        StateDirectory = [ "github-runner/${name}" ];
        RuntimeDirectory = [ "github-runner/${name}" ];
        LogsDirectory = [ "github-runner/${name}" ];
        WorkingDirectory = state;
        KillSignal = "SIGINT";
        Restart = if runner.ephemeral then "always" else "on-failure";
        RestartSec = "10s";
        DynamicUser = runner.user == null;
        NoNewPrivileges = lib.mkDefault true;
        ProtectSystem = lib.mkDefault "strict";
        ProtectHome = lib.mkDefault true;
        PrivateTmp = lib.mkDefault true;
      }
      // lib.optionalAttrs (runner.user != null) { User = runner.user; }
      // lib.optionalAttrs (runner.group != null) { Group = runner.group; }
      // lib.optionalAttrs (runner.workDir != null) { ReadWritePaths = [ runner.workDir ]; }
      // runner.serviceOverrides;
    };
in
{
  options.services.github-runners = mkOption {
    type = types.attrsOf (types.submodule runnerModule);
    default = { };
    description = "Runners of GitHub's jobs, by name.";
  };

  config = lib.mkIf (runners != { }) {
    # What the runner's programs are linked with (actions/runner, docs/start/envlinux.md).
    environment.debianPackages = [
      "libicu76"
      "libssl3t64"
      "zlib1g"
    ];
    systemd.services = lib.mapAttrs' (
      name: runner: lib.nameValuePair "github-runner-${name}" (service name runner)
    ) runners;
  };
}
