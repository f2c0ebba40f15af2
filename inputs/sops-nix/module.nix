# Secrets out of sops files: the options and their paths. What decrypts them on the host is not here yet, so a host that
# declares a secret is refused, rather than built without it.
{
  config,
  lib,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.sops;

  text =
    default: description:
    mkOption {
      type = types.str;
      inherit default description;
    };
  units =
    description:
    mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "sshd.service" ];
      inherit description;
    };
  id =
    description:
    mkOption {
      type = types.nullOr types.int;
      default = null;
      inherit description;
    };

  owned =
    { name, config, ... }:
    {
      options = {
        name = text name "The name of the file." // {
          defaultText = lib.literalMD "the name of the attribute";
        };
        mode = text "0400" "The permissions of the file, in octal.";
        owner = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "The user that the file belongs to; root if null.";
        };
        group = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "The group that the file belongs to; root if null.";
        };
        uid = id "The number of the user, in place of its name.";
        gid = id "The number of the group, in place of its name.";
        restartUnits = units "Units that are restarted when the content changes.";
        reloadUnits = units "Units that are reloaded when the content changes.";
      };
    };

  secretModule =
    { name, config, ... }:
    {
      imports = [ owned ];
      options = {
        key = text name "The key of the secret in its file, `/` between levels; the whole file if empty." // {
          defaultText = lib.literalMD "the name of the attribute";
        };
        path =
          text "/run/secrets${lib.optionalString config.neededForUsers "-for-users"}/${config.name}"
            "Where the secret is on the host."
          // {
            defaultText = lib.literalMD "the name below `/run/secrets`, or below `/run/secrets-for-users`";
          };
        format = mkOption {
          type = types.enum [
            "yaml"
            "json"
            "binary"
            "dotenv"
            "ini"
          ];
          default = cfg.defaultSopsFormat;
          defaultText = lib.literalExpression "config.sops.defaultSopsFormat";
          description = "The form of the file.";
        };
        sopsFile = mkOption {
          type = types.path;
          default =
            if cfg.defaultSopsFile == null then
              throw "sops.secrets.${name}: no file is named; set sops.secrets.${name}.sopsFile, or sops.defaultSopsFile for all secrets"
            else
              cfg.defaultSopsFile;
          defaultText = lib.literalExpression "config.sops.defaultSopsFile";
          description = "The file that the secret is in, encrypted.";
        };
        neededForUsers = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the secret is there before users are made, for their passwords.";
        };
      };
    };

  templateModule =
    { config, ... }:
    {
      imports = [ owned ];
      options = {
        content = mkOption {
          type = types.lines;
          default = "";
          description = "The text, with {option}`sops.placeholder` where secrets come in.";
        };
        file = mkOption {
          type = types.nullOr types.path;
          default = null;
          description = "A file with the text, in place of {option}`content`.";
        };
        path = text "/run/secrets/rendered/${config.name}" "Where the text is on the host." // {
          defaultText = lib.literalMD "the name below `/run/secrets/rendered`";
        };
      };
    };

  declared =
    map (name: "sops.secrets.${name}") (lib.attrNames cfg.secrets)
    ++ map (name: "sops.templates.${name}") (lib.attrNames cfg.templates);
in
{
  options.sops = {
    defaultSopsFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      description = "The file of secrets that name none.";
    };
    defaultSopsFormat = text "yaml" "The form of files of secrets that name none.";
    validateSopsFiles = mkOption {
      type = types.bool;
      default = true;
      description = "Whether files are looked at while building.";
    };
    keepGenerations = mkOption {
      type = types.ints.unsigned;
      default = 1;
      description = "How many generations of secrets are kept.";
    };
    age = {
      keyFile = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "/var/lib/sops-nix/key.txt";
        description = "A file on the host with an age key.";
      };
      generateKey = mkOption {
        type = types.bool;
        default = false;
        description = "Whether the host makes that key where there is none.";
      };
      sshKeyPaths = mkOption {
        type = types.listOf types.str;
        default = map (key: key.path) (
          lib.filter (key: key.type == "ed25519") config.services.openssh.hostKeys
        );
        defaultText = lib.literalMD "the host's ed25519 keys";
        description = "SSH keys on the host that decrypt.";
      };
    };
    gnupg = {
      home = mkOption {
        type = types.nullOr types.str;
        default = null;
        description = "A directory on the host with keys of GnuPG.";
      };
      sshKeyPaths = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "SSH keys of the type RSA on the host that decrypt.";
      };
    };
    secrets = mkOption {
      type = types.attrsOf (types.submodule secretModule);
      default = { };
      description = "Secrets, by name.";
    };
    templates = mkOption {
      type = types.attrsOf (types.submodule templateModule);
      default = { };
      description = "Texts with secrets in them, by name.";
    };
    placeholder = mkOption {
      type = types.attrsOf types.str;
      default = lib.mapAttrs (
        name: _: "<SOPS:${builtins.hashString "sha256" name}:PLACEHOLDER>"
      ) cfg.secrets;
      defaultText = lib.literalMD "a mark for each secret";
      description = "What stands for a secret in {option}`sops.templates`.";
    };
  };

  config.assertions = [
    {
      assertion = declared == [ ];
      message = ''
        ${lib.concatStringsSep ", " declared}: the Debian base does not bring secrets of sops files to hosts yet, and a host without them would not do what you mean.
        Put each secret on the host by other means, set the option that reads it to the place (for instance services.k3s.tokenFile = "/var/lib/secrets/token";), and take the declaration out.'';
    }
  ];
}
