# Runners of GitLab's jobs.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.services.gitlab-runner;
  format = pkgs.formats.toml { };
  stateDirectory = "/var/lib/gitlab-runner";

  flag =
    default: description:
    mkOption {
      type = types.bool;
      inherit default description;
    };
  orNull =
    type: description:
    mkOption {
      type = types.nullOr type;
      default = null;
      inherit description;
    };
  strings =
    description:
    mkOption {
      type = types.listOf types.str;
      default = [ ];
      inherit description;
    };

  runnerModule =
    { name, ... }:
    {
      options = {
        authenticationTokenConfigFile = orNull types.path "A file on the host with the lines `CI_SERVER_URL=…` and `CI_SERVER_TOKEN=…` of a runner that GitLab's pages made.";
        registrationConfigFile = orNull types.path "A file on the host with the lines `CI_SERVER_URL=…` and `REGISTRATION_TOKEN=…`, as GitLab had it before version 16.";
        executor = mkOption {
          type = types.str;
          default = "docker";
          description = "What runs jobs: `shell`, `docker` and others of GitLab's.";
        };
        description = mkOption {
          type = types.str;
          default = name;
          defaultText = lib.literalMD "the name of the attribute";
          description = "The runner's name on GitLab's pages.";
        };
        buildsDir = orNull types.path "Where jobs work.";
        cloneUrl = orNull types.str "The address that jobs get the source from, if it is another one.";
        environmentVariables = mkOption {
          type = types.attrsOf types.str;
          default = { };
          example = {
            NIX_REMOTE = "daemon";
          };
          description = "Environment variables of jobs.";
        };
        preGetSourcesScript = orNull types.path "A program that jobs run before they get the source.";
        postGetSourcesScript = orNull types.path "A program that jobs run after they got the source.";
        preBuildScript = orNull types.path "A program that jobs run first.";
        postBuildScript = orNull types.path "A program that jobs run last.";
        tagList = strings "Tags of jobs that the runner takes, at the registration.";
        runUntagged = flag false "Whether it takes jobs without tags, at the registration.";
        protected = flag false "Whether it takes jobs of protected branches alone, at the registration.";
        maximumTimeout = mkOption {
          type = types.int;
          default = 0;
          description = "How many seconds a job may take, at the registration; no limit if 0.";
        };
        limit = mkOption {
          type = types.int;
          default = 0;
          description = "How many jobs it runs at once; no limit if 0.";
        };
        requestConcurrency = mkOption {
          type = types.int;
          default = 0;
          description = "How often it asks for jobs at once; GitLab's own number if 0.";
        };
        debugTraceDisabled = flag false "Whether jobs may not show all that they do.";
        dockerImage = orNull types.str "The image of jobs that name none.";
        dockerVolumes = strings "Directories that jobs in containers share.";
        dockerDisableCache = flag false "Whether containers keep nothing.";
        dockerPrivileged = flag false "Whether containers may do all that root may.";
        dockerExtraHosts = strings "Further lines of the containers' /etc/hosts.";
        dockerAllowedImages = strings "Images that jobs may name.";
        dockerAllowedServices = strings "Images that jobs may name as services.";
        registrationFlags = strings "Further arguments of {command}`gitlab-runner register`.";
      };
    };

  # What is said at the registration; a runner that GitLab's pages made says it there.
  registration =
    service:
    lib.optionals (service.tagList != [ ]) [
      "--tag-list"
      (lib.concatStringsSep "," service.tagList)
    ]
    ++ lib.optional service.runUntagged "--run-untagged"
    ++ lib.optional service.protected "--access-level=ref_protected"
    ++ lib.optional (service.maximumTimeout > 0) "--maximum-timeout=${toString service.maximumTimeout}";

  # gitlab-runner register --help
  arguments =
    service:
    let
      given = option: value: lib.optionals (value != null) [ option "${value}" ];
      number = option: value: lib.optionals (value > 0) [ option (toString value) ];
      each = option: lib.concatMap (value: [ option value ]);
    in
    [
      "--non-interactive"
      "--name"
      service.description
      "--executor"
      service.executor
    ]
    ++ given "--builds-dir" service.buildsDir
    ++ given "--clone-url" service.cloneUrl
    ++ given "--pre-get-sources-script" service.preGetSourcesScript
    ++ given "--post-get-sources-script" service.postGetSourcesScript
    ++ given "--pre-build-script" service.preBuildScript
    ++ given "--post-build-script" service.postBuildScript
    ++ number "--limit" service.limit
    ++ number "--request-concurrency" service.requestConcurrency
    ++ lib.optional service.debugTraceDisabled "--debug-trace-disabled"
    ++ lib.concatLists (
      lib.mapAttrsToList (name: value: [
        "--env"
        "${name}=${value}"
      ]) service.environmentVariables
    )
    ++ lib.optionals (lib.hasPrefix "docker" service.executor) (
      given "--docker-image" service.dockerImage
      ++ lib.optional service.dockerDisableCache "--docker-disable-cache"
      ++ lib.optional service.dockerPrivileged "--docker-privileged"
      ++ each "--docker-volumes" service.dockerVolumes
      ++ each "--docker-extra-hosts" service.dockerExtraHosts
      ++ each "--docker-allowed-images" service.dockerAllowedImages
      ++ each "--docker-allowed-services" service.dockerAllowedServices
    )
    ++ lib.optionals (service.registrationConfigFile != null) (registration service)
    ++ service.registrationFlags;

  # The file is written anew each time the service starts: what GitLab gave is asked for again, and nothing else is kept.
  registerAll = pkgs.writeShellScript "gitlab-runner-register" (
    ''
      set -eu
      umask 0077
      export CONFIG_FILE=${stateDirectory}/config.toml
      install -m 0600 ${format.generate "gitlab-runner.toml" cfg.settings} "$CONFIG_FILE"
    ''
    + lib.concatMapStrings (service: ''
      (
        set -a
        . ${
          lib.escapeShellArg (
            if service.authenticationTokenConfigFile != null then
              service.authenticationTokenConfigFile
            else
              service.registrationConfigFile
          )
        }
        exec ${cfg.package}/bin/gitlab-runner register ${lib.escapeShellArgs (arguments service)}
      )
    '') (lib.attrValues cfg.services)
  );
in
{
  imports = [
    (lib.mkRenamedOptionModule
      [ "services" "gitlab-runner" "concurrent" ]
      [ "services" "gitlab-runner" "settings" "concurrent" ]
    )
    (lib.mkRenamedOptionModule
      [ "services" "gitlab-runner" "checkInterval" ]
      [ "services" "gitlab-runner" "settings" "check_interval" ]
    )
    (lib.mkRemovedOptionModule [ "services" "gitlab-runner" "configFile" ]
      "Set services.gitlab-runner.services.NAME, or settings for what stands beside the runners."
    )
  ];

  options.services.gitlab-runner = {
    enable = flag false "Whether the host runs jobs of GitLab.";
    package = mkOption {
      type = types.package;
      default =
        pkgs.gitlab-runner or (throw ''
          services.gitlab-runner.package: Debian has no gitlab-runner. Set the option to the release of those who make it:
            pkgs.makeTree "gitlab-runner" [ { path = "bin/gitlab-runner"; executable = true; source = pkgs.fetchurl { url = "…/binaries/gitlab-runner-linux-''${pkgs.debianArchitecture}"; hash = "sha256-…"; }; } ]'');
      defaultText = lib.literalExpression "pkgs.gitlab-runner";
      description = "GitLab's runner, with its program at `bin/gitlab-runner`. Debian has none.";
    };
    settings = mkOption {
      type = types.submodule {
        freeformType = format.type;
        options = {
          concurrent = mkOption {
            type = types.int;
            default = 1;
            description = "How many jobs all runners run at once.";
          };
          check_interval = mkOption {
            type = types.int;
            default = 0;
            description = "Every how many seconds runners ask for jobs; GitLab's own number if 0.";
          };
        };
      };
      default = { };
      description = "The global part of {file}`config.toml`.";
    };
    gracefulTermination = flag false "Whether the service ends when its jobs have ended.";
    gracefulTimeout = mkOption {
      type = types.str;
      default = "infinity";
      description = "How long it waits for them.";
    };
    extraPackages = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "Packages whose programs jobs of the shell executor find.";
    };
    services = mkOption {
      type = types.attrsOf (types.submodule runnerModule);
      default = { };
      description = "Runners, by name.";
    };
  };

  config = lib.mkIf cfg.enable {
    users.users.gitlab-runner = {
      isSystemUser = true;
      group = "gitlab-runner";
      home = stateDirectory;
      description = "GitLab's runner";
    };
    users.groups.gitlab-runner = { };
    environment.systemPackages = [ cfg.package ];

    systemd.services.gitlab-runner = {
      description = "GitLab Runner";
      documentation = [ "https://docs.gitlab.com/runner/" ];
      wants = [ "network-online.target" ];
      after = [
        "network-online.target"
        "docker.service"
        "podman.service"
      ];
      wantedBy = [ "multi-user.target" ];
      environment = config.networking.proxy.envVars or { } // {
        HOME = stateDirectory;
      };
      path = [
        pkgs.bash
        pkgs.git
        pkgs.gnutar
        pkgs.gzip
        pkgs.openssh
      ]
      ++ cfg.extraPackages;
      reloadIfChanged = cfg.gracefulTermination;
      serviceConfig = {
        User = "gitlab-runner";
        Group = "gitlab-runner";
        StateDirectory = "gitlab-runner";
        WorkingDirectory = stateDirectory;
        # The tokens' files are root's.
        ExecStartPre = "+${pkgs.writeShellScript "gitlab-runner-register-as-root" ''
          ${registerAll}
          chown gitlab-runner:gitlab-runner ${stateDirectory}/config.toml
        ''}";
        ExecStart = "${cfg.package}/bin/gitlab-runner run --working-directory ${stateDirectory} --config ${stateDirectory}/config.toml --service gitlab-runner";
        Restart = "always";
        RestartSec = "30s";
        SupplementaryGroups =
          lib.optional config.virtualisation.docker.enable "docker"
          ++ lib.optional config.virtualisation.podman.enable "podman";
      }
      // lib.optionalAttrs cfg.gracefulTermination {
        TimeoutStopSec = cfg.gracefulTimeout;
        KillSignal = "SIGQUIT";
        KillMode = "process";
      };
    };

    assertions = lib.mapAttrsToList (name: service: {
      assertion =
        (service.authenticationTokenConfigFile == null) != (service.registrationConfigFile == null);
      message = "services.gitlab-runner.services.${name}: set one of authenticationTokenConfigFile and registrationConfigFile, the file on the host with GitLab's address and token.";
    }) cfg.services
    ++ [
      {
        assertion = cfg.services != { };
        message = "services.gitlab-runner: there is no runner; set services.gitlab-runner.services.NAME.";
      }
    ];
  };
}
