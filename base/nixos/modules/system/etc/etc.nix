# /etc: what packages ship, and over it what the configuration says.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;

  enabled = lib.filter (entry: entry.enable) (lib.attrValues config.environment.etc);

  # Linked entries say nothing about mode and owner; the others are copied.
  copied = lib.filter (entry: entry.mode != "symlink" && entry.mode != "direct-symlink") enabled;
  direct = lib.filter (entry: entry.mode == "direct-symlink") enabled;

  place =
    entry:
    {
      path = "etc/${entry.target}";
    }
    // (
      if entry.mode == "symlink" || entry.mode == "direct-symlink" then
        { symlink = "${entry.source}"; }
      else
        { source = "${entry.source}"; }
    );

  # Read by the activation: MODE USER GROUP TARGET.
  table =
    entries: describe:
    lib.concatMapStrings (entry: "${describe entry}\n") entries;

  # /etc of the packages, but for what the modules make as a whole.
  packaged = pkgs.mergeDebs {
    name = "etc-packaged";
    debs = config.system.debian.environment;
    subtree = "etc";
    exclude = [
      "alternatives/**"
      "apt/**"
      "cron.*/**"
      "crontab"
      "default/**"
      "dpkg/**"
      "init.d/**"
      "initramfs-tools/**"
      "issue"
      "issue.net"
      "kernel/**"
      "ld.so.conf*"
      "ld.so.conf.d/**"
      "login.defs"
      "logrotate.d/**"
      "modules"
      "modules-load.d/**"
      "network/**"
      "nftables.conf"
      "os-release"
      "rc*.d/**"
      "rsyslog*"
      "skel/**"
      "ssh/**"
      "sudoers"
      "sudoers.d/**"
      "systemd/**"
      "ufw/**"
      "update-motd.d/**"
    ];
  };
in
{
  options.environment.etc = mkOption {
    default = { };
    example = lib.literalExpression ''
      {
        "example.conf" = {
          source = ./example.conf;
          mode = "0440";
        };
      }
    '';
    description = "Files of /etc, by their path below it.";
    type = types.attrsOf (
      types.submodule (
        { name, config, options, ... }:
        {
          options = {
            enable = mkOption {
              type = types.bool;
              default = true;
              description = "Whether the file is made.";
            };
            target = mkOption {
              type = types.str;
              default = name;
              description = "The path below /etc.";
            };
            text = mkOption {
              type = types.nullOr types.lines;
              default = null;
              description = "The content.";
            };
            source = mkOption {
              type = types.path;
              description = "A file or directory with the content.";
            };
            texts = mkOption {
              internal = true;
              type = types.nullOr (types.listOf types.str);
              # What the text files that derivations write say stands in the derivations.
              default =
                if config.text != null then
                  [ config.text ]
                else if builtins.isString (config.source.text or null) then
                  [ config.source.text ]
                else
                  null;
              defaultText = lib.literalMD "the file's own text";
              description = "Text that names all programs that the file or directory does, where that is known.";
            };
            mode = mkOption {
              type = types.str;
              default = "symlink";
              example = "0600";
              description = "`symlink` links to the file in the store by way of /etc/static, `direct-symlink` links to it at once; a mode in octal makes a copy.";
            };
            uid = mkOption {
              type = types.int;
              default = 0;
              description = "The owner's number of a copy.";
            };
            gid = mkOption {
              type = types.int;
              default = 0;
              description = "The group's number of a copy.";
            };
            user = mkOption {
              type = types.str;
              default = "+${toString config.uid}";
              description = "The owner of a copy; `+` before a number.";
            };
            group = mkOption {
              type = types.str;
              default = "+${toString config.gid}";
              description = "The group of a copy; `+` before a number.";
            };
          };
          config = {
            target = lib.mkDefault name;
            source = lib.mkIf (config.text != null) (
              lib.mkDerivedConfig options.text (
                pkgs.writeText "etc-${lib.strings.sanitizeDerivationName (baseNameOf name)}"
              )
            );
          };
        }
      )
    );
  };

  config = {
    system.build.etc = pkgs.makeTree "etc" (
      [
        {
          path = "etc";
          source = "${packaged}";
        }
      ]
      ++ map place enabled
      ++ [
        {
          path = "copies";
          text = table copied (entry: "${entry.mode} ${entry.user} ${entry.group} ${entry.target}");
        }
        {
          path = "direct-links";
          text = table direct (entry: entry.target);
        }
      ]
    );

    system.activationScripts.etc = lib.stringAfter [
      "users"
      "groups"
      "specialfs"
    ] ''
      echo "setting up /etc..."
      /usr/bin/perl ${./setup-etc.pl} "$systemConfig/etc-tree"
    '';

    environment.etc."NIXOS".text = "";
  };
}
