# What boot loaders have in common.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  loader = config.boot.loader;

  program = name: text: {
    path = "bin/${name}";
    source = "${pkgs.writeScript name text}";
    mode = "0755";
  };

  directory = ./boot-entries;
  modules = lib.filter (lib.hasSuffix ".pm") (lib.attrNames (builtins.readDir directory));
in
{
  options.boot.loader.timeout = lib.mkOption {
    type = lib.types.nullOr lib.types.int;
    default = 5;
    description = "The seconds that the menu waits before it boots the default; null waits for a choice.";
  };

  config = lib.mkIf (loader.systemd-boot.enable || loader.generic-extlinux-compatible.enable) {
    system.build.installBootLoader = pkgs.writeScript "install-boot-entries" (
      builtins.readFile ./install-boot-entries.pl
    );

    system.toplevelEntries = [
      {
        path = "bin/install-boot-entries";
        source = "${config.system.build.installBootLoader}";
        mode = "0755";
      }
      (program "trial-boot" (builtins.readFile ./trial-boot.pl))
    ]
    ++ map (name: {
      path = "lib/boot-entries/${name}";
      source = "${directory + "/${name}"}";
    }) modules;

    # A trial that nobody can reach is not confirmed, and the host goes back by itself.
    systemd.services.trial-boot = {
      description = "Reboot if this trial boot is not confirmed in time";
      wantedBy = [ "sysinit.target" ];
      after = [ "local-fs.target" ];
      conflicts = [ "shutdown.target" ];
      before = [ "shutdown.target" ];
      restartIfChanged = false;
      unitConfig = {
        DefaultDependencies = false;
        ConditionKernelCommandLine = "nixos.trial";
        IgnoreOnIsolate = true;
        X-StopOnRemoval = false;
      };
      serviceConfig.ExecStart = "/run/booted-system/bin/trial-boot await";
    };
  };
}
