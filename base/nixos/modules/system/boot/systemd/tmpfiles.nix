# Files and directories made, cleaned and removed by systemd-tmpfiles.
{
  config,
  lib,
  ...
}:

let
  cfg = config.systemd.tmpfiles;
  inherit (lib) mkOption types;

  settingType = types.attrsOf (
    types.attrsOf (
      types.attrsOf (
        types.submodule (
          { name, ... }:
          {
            options = {
              type = mkOption {
                type = types.str;
                default = name;
                description = "What to do: the first field of {manpage}`tmpfiles.d(5)`.";
              };
              mode = mkOption {
                type = types.str;
                default = "-";
                description = "The mode of the file or directory.";
              };
              user = mkOption {
                type = types.str;
                default = "-";
                description = "The owner.";
              };
              group = mkOption {
                type = types.str;
                default = "-";
                description = "The group.";
              };
              age = mkOption {
                type = types.str;
                default = "-";
                description = "The age after which the content is removed.";
              };
              argument = mkOption {
                type = types.str;
                default = "";
                description = "The argument, whose meaning depends on the type.";
              };
            };
          }
        )
      )
    )
  );

  quote = text: if builtins.match "[^ \t\"'\\\\]*" text != null then text else builtins.toJSON text;

  line =
    path: entry:
    "${quote entry.type} ${quote path} ${quote entry.mode} ${quote entry.user} ${quote entry.group} ${quote entry.age} ${lib.replaceStrings [ "\n" ] [ "\\n" ] entry.argument}\n";

  rulesOf =
    paths:
    lib.concatStrings (
      lib.concatLists (
        lib.mapAttrsToList (path: entries: lib.mapAttrsToList (_: line path) entries) paths
      )
    );
in
{
  options.systemd.tmpfiles = {
    rules = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "d /tmp 1777 root root 10d" ];
      description = "Lines of {manpage}`tmpfiles.d(5)`.";
    };

    settings = mkOption {
      type = settingType;
      default = { };
      example = {
        "10-mypackage"."/var/lib/my-service/statefolder".d.mode = "0755";
      };
      description = "The same, structured: file of rules, path, type.";
    };

    packages = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "Packages with files in `lib/tmpfiles.d`. Those of Debian packages are always taken.";
    };
  };

  config = {
    environment.debianPackages = lib.concatMap (package: package.debianPackages or [ ]) cfg.packages;

    environment.etc = {
      "tmpfiles.d/00-nixos.conf" = lib.mkIf (cfg.rules != [ ]) {
        text = lib.concatStringsSep "\n" cfg.rules + "\n";
      };
    }
    // lib.mapAttrs' (
      name: paths: lib.nameValuePair "tmpfiles.d/${name}.conf" { text = rulesOf paths; }
    ) cfg.settings;

    assertions = map (package: {
      assertion = package ? debianPackages;
      message = "systemd.tmpfiles.packages: `${lib.getName package}` is not a Debian package; put its rules into systemd.tmpfiles.rules.";
    }) cfg.packages;
  };
}
