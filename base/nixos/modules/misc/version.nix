# What release this system is, and /etc/os-release.
{ config, lib, ... }:

let
  cfg = config.system.nixos;
  inherit (lib) mkOption types;

  # The Debian release whose packages the host has.
  debian = {
    release = "13";
    codeName = "trixie";
  };

  quoted = value: if builtins.match "[A-Za-z0-9._-]*" value != null then value else "\"${value}\"";
  osRelease = {
    ID = cfg.distroId;
    NAME = cfg.distroName;
    PRETTY_NAME = "${cfg.distroName} ${debian.release} (${debian.codeName})";
    VERSION = "${debian.release} (${debian.codeName})";
    VERSION_ID = debian.release;
    VERSION_CODENAME = debian.codeName;
    BUILD_ID = cfg.version;
    HOME_URL = "https://www.debian.org/";
    SUPPORT_URL = "https://www.debian.org/support";
    BUG_REPORT_URL = "https://bugs.debian.org/";
    DEFAULT_HOSTNAME = config.networking.fqdnOrHostName;
    VARIANT = if cfg.variantName == null then "" else cfg.variantName;
    VARIANT_ID = if cfg.variant_id == null then "" else cfg.variant_id;
    IMAGE_ID = if config.system.image.id == null then "" else config.system.image.id;
    IMAGE_VERSION = if config.system.image.version == null then "" else config.system.image.version;
  }
  // cfg.extraOSReleaseArgs;
in
{
  options = {
    system.stateVersion = mkOption {
      type = types.str;
      default = cfg.release;
      defaultText = lib.literalMD "the NixOS release whose options this base follows";
      description = ''
        The release at which the host was first installed. Modules keep the layout of state (databases,
        directories) of that release, so this stays as it is when the host is updated.
      '';
    };

    system.image = {
      id = mkOption {
        type = types.nullOr types.str;
        default = null;
        description = "IMAGE_ID in /etc/os-release: what kind of image this is.";
      };
      version = mkOption {
        type = types.nullOr types.str;
        default = null;
        description = "IMAGE_VERSION in /etc/os-release.";
      };
    };

    system.configurationRevision = mkOption {
      type = types.nullOr types.str;
      default = null;
      description = "The revision of the repository that the configuration comes from.";
    };

    system.nixos = {
      release = mkOption {
        type = types.str;
        readOnly = true;
        default = lib.trivial.release;
        description = "The NixOS release whose option names, types and defaults this base follows. Debian's release is in /etc/os-release.";
      };

      codeName = mkOption {
        type = types.str;
        readOnly = true;
        default = lib.trivial.codeName;
        description = "The name of the NixOS release.";
      };

      version = mkOption {
        type = types.str;
        default = cfg.release + cfg.versionSuffix;
        defaultText = lib.literalMD "the release, and Debian's";
        description = "The full version, as `nixos-version` in the toplevel has it.";
      };

      versionSuffix = mkOption {
        type = types.str;
        internal = true;
        readOnly = true;
        default = ".debian${debian.release}";
        description = "What follows the release in the version.";
      };

      revision = mkOption {
        type = types.nullOr types.str;
        internal = true;
        default = null;
        description = "The revision of the base, where it has one.";
      };

      distroId = mkOption {
        type = types.str;
        internal = true;
        default = "debian";
        description = "ID in /etc/os-release.";
      };

      distroName = mkOption {
        type = types.str;
        internal = true;
        default = "Debian GNU/Linux";
        description = "NAME in /etc/os-release.";
      };

      variant_id = mkOption {
        type = types.nullOr (types.strMatching "^[a-z0-9._-]+$");
        default = null;
        example = "installer";
        description = "VARIANT_ID in /etc/os-release.";
      };

      variantName = mkOption {
        type = types.nullOr types.str;
        default = null;
        description = "VARIANT in /etc/os-release.";
      };

      extraOSReleaseArgs = mkOption {
        type = types.attrsOf types.str;
        internal = true;
        default = { };
        description = "Further fields of /etc/os-release.";
      };
    };
  };

  config.system.toplevelEntries = lib.optional (config.system.configurationRevision != null) {
    path = "configuration-revision";
    text = config.system.configurationRevision;
  };

  config.environment.etc."os-release".text = lib.concatStrings (
    lib.mapAttrsToList (name: value: "${name}=${quoted value}\n") (
      lib.filterAttrs (_: value: value != "") osRelease
    )
  );
}
