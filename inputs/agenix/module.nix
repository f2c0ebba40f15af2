# Secrets out of age files: the options and their paths. What decrypts them on the host is not here yet, so a host that
# declares a secret is refused, rather than built without it.
{
  config,
  lib,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.age;

  text =
    default: description:
    mkOption {
      type = types.str;
      inherit default description;
    };

  secretModule =
    { name, config, ... }:
    {
      options = {
        name = text name "The name of the file." // {
          defaultText = lib.literalMD "the name of the attribute";
        };
        file = mkOption {
          type = types.path;
          description = "The secret, encrypted.";
        };
        path = text "${cfg.secretsDir}/${config.name}" "Where the secret is on the host." // {
          defaultText = lib.literalMD "the name below {option}`age.secretsDir`";
        };
        mode = text "0400" "The permissions of the file, in octal.";
        owner = text "0" "The user that the file belongs to.";
        group = text "0" "The group that the file belongs to.";
        symlink = mkOption {
          type = types.bool;
          default = true;
          description = "Whether a path elsewhere is a link to the secret, or the secret itself.";
        };
      };
    };

  declared = map (name: "age.secrets.${name}") (lib.attrNames cfg.secrets);
in
{
  options.age = {
    secrets = mkOption {
      type = types.attrsOf (types.submodule secretModule);
      default = { };
      description = "Secrets, by name.";
    };
    secretsDir = text "/run/agenix" "The directory of secrets on the host.";
    secretsMountPoint = text "/run/agenix.d" "Where the generations of secrets lie on the host.";
    identityPaths = mkOption {
      type = types.listOf types.str;
      default = map (key: key.path) (
        lib.filter (key: key.type == "ed25519" || key.type == "rsa") config.services.openssh.hostKeys
      );
      defaultText = lib.literalMD "the host's SSH keys";
      description = "Keys on the host that decrypt.";
    };
  };

  config.assertions = [
    {
      assertion = declared == [ ];
      message = ''
        ${lib.concatStringsSep ", " declared}: the Debian base does not bring secrets of age files to hosts yet, and a host without them would not do what you mean.
        Put each secret on the host by other means, set the option that reads it to the place, and take the declaration out.'';
    }
  ];
}
