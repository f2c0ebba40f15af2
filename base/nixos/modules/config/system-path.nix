# The programs of the host: /usr out of Debian's packages, and
# /run/current-system/sw with what other packages add.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:

let
  cfg = config.environment;
  inherit (lib) mkOption types;

  isDebian = package: package ? debianPackages;
  installed = lib.filter (package: package != null) (cfg.systemPackages ++ cfg.defaultPackages);
  own = lib.filter (package: !isDebian package) installed;

  etcFiles = lib.filter (file: file.enable) (lib.attrValues cfg.etc);
  # What files of /etc name of the store, so that the packages that it needs are in /usr. Of texts only the paths are
  # taken: another text that names the same leaves /usr as it is, and hosts that differ in texts alone share one.
  usedByEtc =
    let
      ownTexts = map toString config.system.debian.ownTexts;
      texts =
        lib.concatMap (file: lib.optionals (file.texts != null) file.texts) etcFiles
        ++ map (file: file.text) config.system.debian.ownTexts;
      sources = map (file: "${file.source}") (lib.filter (file: file.texts == null) etcFiles);
    in
    pkgs.writeText "used-by-etc" (
      lib.concatMapStrings (path: "${path}\n") (
        lib.unique (
          lib.filter (path: builtins.hasContext path && !(lib.elem path ownTexts)) (
            sources ++ lib.concatMap utils.storePathsIn texts
          )
        )
      )
    );

  names = lib.unique (
    cfg.debianPackages ++ lib.concatMap (package: package.debianPackages) (lib.filter isDebian installed)
  );

  environment = pkgs.debianEnvironment {
    name = config.system.name;
    packages = names;
  };

  alternatives = import ../../../pkgs/top-level/alternatives.nix {
    multiarch = "${pkgs.stdenv.hostPlatform.parsed.cpu.name}-linux-gnu";
  };
  # Present by name; what only a custom package's closure brings is not known here.
  present = lib.unique (names ++ map (deb: deb.pname or "") environment);
  offered = lib.concatMap (name: alternatives.${name} or [ ]) (
    lib.filter (name: alternatives ? ${name}) present
  );
  # Of entries for one path the last counts.
  alternativeLinks =
    map
      (link: {
        path = link.name;
        symlink = link.target;
      })
      (
        lib.sort (
          a: b:
          a.priority < b.priority || (a.priority == b.priority && "${a.name} ${a.target}" < "${b.name} ${b.target}")
        ) offered
      );

  # Users that scripts of packages make by themselves.
  sysusers = lib.mapAttrsToList (name: line: {
    path = "lib/sysusers.d/${name}-of-scripts.conf";
    text = "${line}\n";
  }) (lib.filterAttrs (name: _: lib.elem name present) scripts.sysusers);
  scripts = import ../../../pkgs/top-level/maintainer-scripts.nix;

  # Debian's Essential packages, which no package declares to depend on.
  essential = [
    "base-passwd"
    "bash"
    "bsdutils"
    "coreutils"
    "dash"
    "debianutils"
    "diffutils"
    "findutils"
    "grep"
    "gzip"
    "hostname"
    "init-system-helpers"
    "libc-bin"
    "libc6"
    "login"
    "login.defs"
    "mawk"
    "ncurses-base"
    "ncurses-bin"
    "perl-base"
    "sed"
    "sysvinit-utils"
    "tar"
    "util-linux"
  ];

  # What NixOS has on every host, in Debian's packages.
  required = [
    "acl"
    "attr"
    "bzip2"
    "cpio"
    "curl"
    "gawk"
    "iproute2"
    "iputils-ping"
    "kmod"
    "less"
    "libcap2-bin"
    "mount"
    "netbase"
    "openssh-client"
    "passwd"
    "patch"
    "procps"
    "psmisc"
    "time"
    "xz-utils"
    "zstd"
  ];
in
{
  options = {
    environment = {
      systemPackages = mkOption {
        type = types.listOf types.package;
        default = [ ];
        example = lib.literalExpression "[ pkgs.git pkgs.vim ]";
        description = "Packages whose programs every user has.";
      };

      defaultPackages = mkOption {
        type = types.listOf types.package;
        default = [
          pkgs.perl
          pkgs.rsync
          pkgs.strace
        ];
        defaultText = lib.literalExpression "[ pkgs.perl pkgs.rsync pkgs.strace ]";
        description = "Packages that a host has unless it says otherwise, and does not need.";
      };

      debianPackages = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "nginx-light" ];
        description = "Packages to install into /usr by their Debian names, with what they depend on.";
      };

      pathsToLink = mkOption {
        type = types.listOf types.str;
        default = [ ];
        example = [ "/" ];
        description = "The directories of packages that are linked into /run/current-system/sw.";
      };

      extraOutputsToInstall = mkOption {
        type = types.listOf types.str;
        default = [ ];
        description = "Outputs installed besides the main one. Debian's packages hold all files of theirs in one.";
      };
    };

    system.path = mkOption {
      internal = true;
      type = types.package;
      description = "The tree at /run/current-system/sw.";
    };

    system.debian = {
      environment = mkOption {
        internal = true;
        readOnly = true;
        type = types.listOf types.package;
        default = environment;
        defaultText = lib.literalMD "the unpacked packages of {option}`environment.debianPackages` and {option}`environment.systemPackages`";
        description = "The unpacked packages that the host is installed from.";
      };

      usrExclude = mkOption {
        internal = true;
        type = types.listOf types.str;
        default = [ ];
        description = "Files of packages, relative to /usr, that are not installed.";
      };

      usrEntries = mkOption {
        internal = true;
        type = types.listOf types.attrs;
        default = [ ];
        description = "Further files of /usr, as entries of a tree.";
      };

      extraPackages = mkOption {
        internal = true;
        type = types.listOf types.package;
        default = [ ];
        description = "Unpacked packages installed without what they depend on.";
      };

      ownTexts = mkOption {
        internal = true;
        type = types.listOf types.package;
        default = [ ];
        description = "Text files that texts of /etc name: what they name themselves is installed in their place.";
      };

      alternatives = mkOption {
        internal = true;
        readOnly = true;
        type = types.listOf types.str;
        default = map (link: link.path) alternativeLinks;
        defaultText = lib.literalMD "the links that the host's packages offer";
        description = "Links of /usr that Debian makes by update-alternatives(1), relative to it.";
      };

      debHashes = mkOption {
        internal = true;
        type = types.attrsOf types.str;
        description = "The SHA-256 of the host's packages by NAME_VERSION.";
      };

      packagedUnits = mkOption {
        internal = true;
        type = types.package;
        description = "The systemd units that packages ship.";
      };
    };
  };

  config = {
    environment = {
      debianPackages = essential ++ required;

      pathsToLink = [
        "/bin"
        "/etc/xdg"
        "/lib"
        "/libexec"
        "/sbin"
        "/share"
      ];
    };

    system.debian.packagedUnits = pkgs.makeTree "packaged-units" (
      map (deb: {
        path = "lib/systemd";
        source = "${deb}/usr/lib/systemd";
        include = [
          "system/**"
          "user/**"
        ];
        optional = true;
      }) environment
    );

    system.debian.debHashes = lib.listToAttrs (
      map (deb: lib.nameValuePair "${deb.pname}_${deb.version}" deb.src.outputHash) (
        lib.filter (deb: deb ? src && deb ? pname) (environment ++ config.system.debian.extraPackages)
      )
    );

    system.build.usr = pkgs.mergeDebs {
      name = "usr";
      debs = environment ++ config.system.debian.extraPackages;
      closureOf = [ usedByEtc ] ++ own;
      subtree = "usr";
      exclude = config.system.debian.usrExclude ++ [
        # Made by the modules, or only for a package manager on the host.
        "share/lintian/**"
        "share/bug/**"
      ];
      entries = alternativeLinks ++ sysusers ++ config.system.debian.usrEntries;
      depmod = true;
      hwdb = true;
      # What is installed, for dpkg-query and scanners; also at dpkg's own place.
      statusFile = "share/dpkg/status";
    };

    # Files that packages ship for /var, seeded where the host has none.
    system.build.var = pkgs.mergeDebs {
      name = "var";
      debs = environment;
      subtree = "var";
    };

    systemd.tmpfiles.rules = [ "L+ /var/lib/dpkg/status - - - - /usr/share/dpkg/status" ];

    system.path =
      if own == [ ] then
        config.system.build.usr
      else
        pkgs.buildEnv {
          name = "system-path";
          paths = own ++ [ (lib.setPrio 10 config.system.build.usr) ];
          inherit (cfg) pathsToLink;
        };

    assertions = [
      {
        assertion = cfg.extraOutputsToInstall == [ ];
        message = "environment.extraOutputsToInstall: Debian's packages have one output; install the package that has the files (`pkgs.NAME-dev`, `pkgs.NAME-doc`).";
      }
    ];
  };
}
