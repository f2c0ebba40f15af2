# The package set that a host is made of, and the machine it is for.
{
  config,
  options,
  lib,
  ...
}:

let
  cfg = config.nixpkgs;
  opt = options.nixpkgs;
  inherit (lib) mkOption types;

  platformType = types.either types.str types.attrs;
  elaborate = platform: lib.systems.elaborate (if builtins.isString platform then { system = platform; } else platform);

  overlayType = lib.mkOptionType {
    name = "nixpkgs-overlay";
    description = "nixpkgs overlay";
    check = lib.isFunction;
    merge = lib.mergeOneOption;
  };

  # Sets of packages' settings add up, functions over `pkgs` included.
  configType = lib.mkOptionType {
    name = "nixpkgs-config";
    description = "nixpkgs config";
    check = value: lib.isFunction value || lib.isAttrs value;
    merge =
      _: definitions:
      let
        values = map (definition: definition.value) definitions;
        applied = arguments: map (value: if lib.isFunction value then value arguments else value) values;
      in
      if lib.any lib.isFunction values then
        arguments: lib.foldl' lib.recursiveUpdate { } (applied arguments)
      else
        lib.foldl' lib.recursiveUpdate { } values;
  };

  platforms =
    if opt.hostPlatform.isDefined then
      {
        host = cfg.hostPlatform;
        build = cfg.buildPlatform;
      }
    else if cfg.crossSystem != null then
      {
        host = elaborate cfg.crossSystem;
        build = elaborate cfg.localSystem;
      }
    else
      {
        host = elaborate cfg.localSystem;
        build = elaborate cfg.localSystem;
      };

  fromBase = import ../../../pkgs {
    inherit lib;
    inherit (cfg) config overlays;
    localSystem = platforms.build;
    crossSystem = if platforms.host.system == platforms.build.system then null else platforms.host;
  };
in
{
  options.nixpkgs = {
    pkgs = mkOption {
      type = types.pkgs or (types.lazyAttrsOf types.raw);
      default = fromBase;
      defaultText = lib.literalMD "the package set of this base for {option}`nixpkgs.hostPlatform`";
      description = "The package set. When it is set, the other options under `nixpkgs` have no effect and must not be set.";
    };

    config = mkOption {
      type = configType;
      default = { };
      example = lib.literalExpression "{ allowUnfree = true; }";
      description = "The settings of the package set.";
    };

    overlays = mkOption {
      type = types.listOf overlayType;
      default = [ ];
      description = "Functions of the final and the previous package set, applied in their order.";
    };

    hostPlatform = mkOption {
      type = platformType;
      example = "aarch64-linux";
      apply = elaborate;
      description = "The machine that the host runs on.";
    };

    buildPlatform = mkOption {
      type = platformType;
      default = cfg.hostPlatform;
      defaultText = lib.literalExpression "config.nixpkgs.hostPlatform";
      apply = elaborate;
      description = "The machine that builds. Debian's packages are unpacked, so it matters only for derivations that run programs.";
    };

    localSystem = mkOption {
      type = platformType;
      default = { inherit (cfg) system; };
      defaultText = lib.literalExpression "{ inherit (config.nixpkgs) system; }";
      description = "The machine that builds, in the older way of saying it: {option}`nixpkgs.buildPlatform` is the newer.";
    };

    crossSystem = mkOption {
      type = types.nullOr platformType;
      default = null;
      description = "The machine that the host runs on, in the older way of saying it.";
    };

    system = mkOption {
      type = types.str;
      default =
        if opt.hostPlatform.isDefined then
          cfg.hostPlatform.system
        else
          throw "neither `nixpkgs.hostPlatform` nor `nixpkgs.system` is set; set `nixpkgs.hostPlatform` to the host's system, for instance \"x86_64-linux\"";
      defaultText = lib.literalMD "the system of {option}`nixpkgs.hostPlatform`";
      description = "The system of the host, in the oldest way of saying it.";
    };
  };

  config = {
    _module.args.pkgs = lib.mkForce cfg.pkgs;

    assertions = [
      {
        assertion = !(opt.hostPlatform.isDefined && (opt.crossSystem.isDefined && cfg.crossSystem != null));
        message = "`nixpkgs.crossSystem` and `nixpkgs.hostPlatform` say the same thing in two ways; keep `nixpkgs.hostPlatform`.";
      }
    ];
  };
}
