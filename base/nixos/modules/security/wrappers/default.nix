# Programs that run with another user's rights, which no file in the store can:
# copies in /run/wrappers/bin, made at each activation.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;

  wrapperModule =
    { name, config, ... }:
    {
      options = {
        enable = mkOption {
          type = types.bool;
          default = true;
          description = "Whether the program is there.";
        };
        source = mkOption {
          type = types.path;
          description = "The program.";
        };
        program = mkOption {
          type = types.nullOr types.str;
          default = name;
          description = "The name in /run/wrappers/bin.";
        };
        owner = mkOption {
          type = types.str;
          description = "The owner of the copy.";
        };
        group = mkOption {
          type = types.str;
          description = "The group of the copy.";
        };
        permissions = mkOption {
          type = types.strMatching "[ugoarwxst0-7+=,-]+";
          default = "u+rx,g+x,o+x";
          description = "The mode of the copy without the bits below, as {manpage}`chmod(1)` reads it.";
        };
        capabilities = mkOption {
          type = types.commas;
          default = "";
          description = "Capabilities as {manpage}`setcap(8)` reads them.";
        };
        setuid = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the program runs as its owner.";
        };
        setgid = mkOption {
          type = types.bool;
          default = false;
          description = "Whether the program runs with its group.";
        };
      };
    };

  wrappers = lib.filterAttrs (_: wrapper: wrapper.enable) config.security.wrappers;

  install =
    wrapper:
    let
      target = lib.escapeShellArg wrapper.program;
      bits =
        lib.optional wrapper.setuid "u+s"
        ++ lib.optional wrapper.setgid "g+s";
    in
    ''
      if [ -e ${lib.escapeShellArg wrapper.source} ]; then
        cp -L --no-preserve=all ${lib.escapeShellArg wrapper.source} "$wrapperDir"/${target}
        # No bit is set before the owner is right.
        chmod 0000 "$wrapperDir"/${target}
        chown ${lib.escapeShellArg "${wrapper.owner}:${wrapper.group}"} "$wrapperDir"/${target}
        ${lib.optionalString (wrapper.capabilities != "") ''
          setcap ${lib.escapeShellArg "cap_setpcap,${wrapper.capabilities}"} "$wrapperDir"/${target}
        ''}
        chmod ${lib.escapeShellArg (lib.concatStringsSep "," ([ wrapper.permissions ] ++ bits))} "$wrapperDir"/${target}
      else
        echo "security.wrappers: there is no "${lib.escapeShellArg wrapper.source} >&2
        _status=1 _localstatus=1
      fi
    '';

  setuidRoot = source: {
    setuid = true;
    owner = "root";
    group = "root";
    inherit source;
  };
in
{
  options.security = {
    enableWrappers = mkOption {
      type = types.bool;
      default = true;
      description = "Whether /run/wrappers/bin is made.";
    };

    wrappers = mkOption {
      type = types.attrsOf (types.submodule wrapperModule);
      default = { };
      example = lib.literalExpression ''
        {
          ping = {
            owner = "root";
            group = "root";
            capabilities = "cap_net_raw+ep";
            source = "''${pkgs.iputils}/bin/ping";
          };
        }
      '';
      description = "Programs that run with other rights than their user's, by name.";
    };

    wrapperDir = mkOption {
      type = types.path;
      internal = true;
      readOnly = true;
      default = "/run/wrappers/bin";
      description = "Where the programs are.";
    };

    wrapperDirSize = mkOption {
      type = types.str;
      default = "50%";
      example = "10G";
      description = "How large the file system of the programs may grow.";
    };
  };

  config = lib.mkIf config.security.enableWrappers {
    security.wrappers = lib.mapAttrs (_: lib.mapAttrs (_: lib.mkDefault)) {
      chsh = setuidRoot "/usr/bin/chsh";
      mount = setuidRoot "/usr/bin/mount";
      newgidmap = setuidRoot "/usr/bin/newgidmap";
      newgrp = setuidRoot "/usr/bin/newgrp";
      newuidmap = setuidRoot "/usr/bin/newuidmap";
      passwd = setuidRoot "/usr/bin/passwd";
      su = setuidRoot "/usr/bin/su";
      umount = setuidRoot "/usr/bin/umount";
    };

    environment.debianPackages = [ "uidmap" ];

    system.activationScripts.wrappers = lib.stringAfter [ "specialfs" "users" ] ''
      mkdir -p /run/wrappers
      mountpoint -q /run/wrappers || mount -t tmpfs -o mode=755,nodev,size=${config.security.wrapperDirSize} tmpfs /run/wrappers
      wrapperDir=$(mktemp --directory --tmpdir=/run/wrappers wrappers.XXXXXXXXXX)
      chmod a+rx "$wrapperDir"

      ${lib.concatMapStringsSep "\n" install (lib.attrValues wrappers)}

      # The new directory takes the place of the old in one step.
      old=$(readlink /run/wrappers/bin || true)
      ln -sfn "$wrapperDir" /run/wrappers/bin.new
      mv -T /run/wrappers/bin.new /run/wrappers/bin
      if [ -n "$old" ] && [ "$old" != "$wrapperDir" ] && [ -d "$old" ]; then
        rm -rf "$old"
      fi
    '';

    assertions = lib.mapAttrsToList (name: wrapper: {
      assertion = (wrapper.setuid || wrapper.setgid) -> wrapper.capabilities == "";
      message = "security.wrappers.${name}: a program has either setuid and setgid bits or capabilities.";
    }) wrappers;
  };
}
