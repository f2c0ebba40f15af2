# /etc/nix/nix.conf.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  cfg = config.nix;

  atom = types.nullOr (
    types.oneOf [
      types.bool
      types.int
      types.float
      types.str
      types.path
      types.package
    ]
  );
  setting = types.attrsOf (types.either atom (types.listOf atom));

  settingText =
    value:
    if value == null then
      ""
    else if builtins.isBool value then
      lib.boolToString value
    else if builtins.isList value then
      lib.concatMapStringsSep " " settingText value
    else
      toString value;

  strings =
    default: description:
    mkOption {
      type = types.listOf types.str;
      inherit default description;
    };

  renamed = {
    allowedUsers = "allowed-users";
    autoOptimiseStore = "auto-optimise-store";
    binaryCachePublicKeys = "trusted-public-keys";
    binaryCaches = "substituters";
    buildCores = "cores";
    maxJobs = "max-jobs";
    requireSignedBinaryCaches = "require-sigs";
    sandboxPaths = "extra-sandbox-paths";
    systemFeatures = "system-features";
    trustedBinaryCaches = "trusted-substituters";
    trustedUsers = "trusted-users";
    useSandbox = "sandbox";
  };
in
{
  imports = lib.mapAttrsToList (
    old: new:
    lib.mkRenamedOptionModule
      [
        "nix"
        old
      ]
      [
        "nix"
        "settings"
        new
      ]
  ) renamed;

  options.nix = {
    settings = mkOption {
      type = types.submodule {
        freeformType = setting;
        options = {
          max-jobs = mkOption {
            type = types.either types.int (types.enum [ "auto" ]);
            default = "auto";
            example = 64;
            description = "How many derivations are built at once.";
          };
          auto-optimise-store = mkOption {
            type = types.bool;
            default = false;
            description = "Whether files of the store with the same content become one file.";
          };
          cores = mkOption {
            type = types.int;
            default = 0;
            example = 64;
            description = "How many processors a build may use; 0 is all.";
          };
          sandbox = mkOption {
            type = types.either types.bool (types.enum [ "relaxed" ]);
            default = true;
            description = "Whether builds see nothing but their inputs.";
          };
          extra-sandbox-paths = strings [ ] "Directories that builds see besides their inputs.";
          substituters = strings [ ] "Binary caches.";
          trusted-substituters = strings [ ] "Binary caches that users without rights may use.";
          require-sigs = mkOption {
            type = types.bool;
            default = true;
            description = "Whether store paths from elsewhere need a signature of {option}`nix.settings.trusted-public-keys`.";
          };
          trusted-public-keys = strings [ ] "Keys that sign store paths of binary caches.";
          trusted-users = strings [ "root" ] "Users, and groups after `@`, who may change what Nix trusts. They can become root.";
          allowed-users = strings [ "*" ] "Users, and groups after `@`, who may use Nix.";
          system-features = strings [ ] "What builds that ask for it find on this host: `kvm`, `big-parallel` and others; those that Nix finds out itself if empty.";
        };
      };
      default = { };
      example = {
        experimental-features = [
          "nix-command"
          "flakes"
        ];
      };
      description = "Settings of {manpage}`nix.conf(5)`.";
    };

    extraOptions = mkOption {
      type = types.lines;
      default = "";
      example = "keep-outputs = true";
      description = "Further lines of nix.conf.";
    };

    checkConfig = mkOption {
      type = types.bool;
      default = true;
      description = "Whether nix.conf is checked in the build. The Debian base runs no programs in builds; its types are checked in the evaluation.";
    };

    checkAllErrors = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the check of nix.conf stops at the first setting that Nix does not know.";
    };
  };

  config = lib.mkIf cfg.enable {
    nix.settings = {
      trusted-public-keys = [ "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=" ];
      substituters = lib.mkAfter [ "https://cache.nixos.org/" ];
    };

    environment.etc."nix/nix.conf".text =
      "# Made from nix.settings and nix.extraOptions of the configuration.\n"
      + lib.concatStrings (
        lib.mapAttrsToList (
          name: value: lib.optionalString (value != [ ] && value != null) "${name} = ${settingText value}\n"
        ) cfg.settings
      )
      + cfg.extraOptions;
  };
}
