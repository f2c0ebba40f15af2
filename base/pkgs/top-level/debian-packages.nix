# The archive's packages, out of the lock.
#
#   pkgs.debs.NAME            the unpacked package: its files as shipped
#   pkgs.NAME                 a thin tree in the shape that nixpkgs' packages have
#                             (bin, lib, share, etc), which knows the unpacked
#                             packages it depends on
#   pkgs.debianEnvironment    the unpacked packages of an installation
#
# While a fleet is being locked the lock is the archive's whole index, without
# contents. Then each of these is a request that the program finds in the
# derivations of a host and answers in `debian.lock`.
{
  lib,
  lock,
  buildPlatform,
  hostPlatform,
}:

final: prev:

let
  architecture = import ./architecture.nix { inherit lib; } hostPlatform;
  universe = lock.universe or false;
  locked = lock.packages.${architecture} or { };
  # A build for this machine names its tools here, and takes those of the machine
  # that builds: they need not be locked for both.
  tools = lock.packages.${import ./architecture.nix { inherit lib; } buildPlatform} or { };

  storeName = lib.replaceStrings [ "~" ":" ] [ "-" "-" ];

  missing =
    name:
    throw "the Debian package `${name}` (${architecture}) is not in debian.lock";

  lookUp =
    name:
    if locked ? ${name} then
      locked.${name}
    else if universe then
      throw "Debian ${lock.suite or "trixie"} has no package `${name}` for ${architecture}"
    else
      missing name;

  request =
    name: content:
    derivation {
      name = storeName name;
      system = "builtin";
      builder = "builtin:hostwright-unlocked";
      request = builtins.toJSON (content // { inherit architecture; });
    };

  # One package's files, nothing of what it depends on.
  unpacked =
    name:
    let
      package = lookUp name;
    in
    if universe then
      lib.extendDerivation true
        {
          pname = name;
          inherit (package) version;
          debianArchitecture = architecture;
        }
        (
          builtins.seq package (
            request "${name}-unpacked" {
              kind = "deb";
              package = name;
            }
          )
        )
    else
      final.unpackDeb {
        src = final.fetchDeb package;
        package = name;
        inherit (package) version architecture;
      };

  # The packages that `names` need, themselves included, in the order in which
  # they are found. In a group of alternatives one that was asked for by name
  # is taken, else what the solver chose.
  closureOf =
    names:
    let
      explicit = lib.genAttrs names (_: true);
      choose = group: lib.findFirst (candidate: explicit ? ${candidate}) (lib.head group) group;
    in
    map (item: item.key) (
      builtins.genericClosure {
        startSet = map (key: { inherit key; }) names;
        operator = item: map (group: { key = choose group; }) (lookUp item.key).depends;
      }
    );

  conflictsIn =
    names:
    let
      present = lib.genAttrs names (_: true);
    in
    lib.concatMap (
      name:
      map (other: "`${name}` with `${other}`") (
        lib.filter (other: present ? ${other}) (lookUp name).conflicts
      )
    ) names;

  thinEntries =
    debs:
    lib.concatMap (
      deb:
      # nixpkgs keeps programs in bin, wherever Debian's policy wants them.
      map
        (directory: {
          path = "bin";
          source = "${deb}/usr/${directory}";
          optional = true;
        })
        [
          "games"
          "sbin"
          "bin"
        ]
    ) debs;

  subtrees = [
    "lib"
    "libexec"
    "share"
    "include"
  ];

  debianPackage =
    {
      # The name of the attribute in this set.
      pname,
      # Debian's packages behind it, the main one first.
      debs ? [ pname ],
      mainProgram ? null,
      # Further names of programs: { fd = "fdfind"; }.
      programs ? { },
      meta ? { },
    }:
    let
      main = lib.head debs;
      package = lookUp main;
      trees = map unpacked debs;
      single = lib.length debs == 1;
      name = storeName "${pname}-${package.version}";
      needed = map unpacked (closureOf debs);

      programLinks = lib.mapAttrsToList (name: target: {
        path = "bin/${name}";
        symlink = target;
      }) programs;

      requested =
        if single then
          request name {
            kind = "package";
            package = main;
          }
        else
          final.makeTree name (
            map (deb: {
              path = deb;
              symlink = "${
                request deb {
                  kind = "package";
                  package = builtins.seq (lookUp deb) deb;
                }
              }";
            }) debs
          );

      tree = final.builtinDerivation {
        inherit name;
        builder = if single then "make-tree" else "merge-debs";
        attributes =
          let
            depends = {
              path = "nix-support/debian-depends";
              text = lib.concatMapStrings (deb: "${deb}\n") needed;
            };
            sbin = {
              path = "sbin";
              symlink = "bin";
            };
          in
          if single then
            {
              entries =
                thinEntries trees
                ++ programLinks
                ++ map (directory: {
                  path = directory;
                  symlink = "${lib.head trees}/usr/${directory}";
                  optional = true;
                }) subtrees
                ++ [
                  {
                    path = "etc";
                    symlink = "${lib.head trees}/etc";
                    optional = true;
                  }
                  sbin
                  depends
                ];
            }
          else
            {
              debs = trees;
              closureOf = [ ];
              subtree = "usr";
              exclude = [ "sbin" "sbin/**" ];
              entries =
                thinEntries trees
                ++ programLinks
                ++ [
                  sbin
                  depends
                ];
              depmod = false;
              hwdb = false;
            };
      };
    in
    lib.extendDerivation true {
      inherit pname;
      inherit (package) version;
      # Debian's names for what this is, by which an installation takes it up.
      debianPackages = debs;
      debianArchitecture = architecture;
      deb = lib.head trees;
      meta = {
        mainProgram = if mainProgram != null then mainProgram else pname;
        platforms = lib.platforms.linux or [ hostPlatform.system ];
        available = true;
      }
      // meta;
      passthru = { };
      override = _: debianPackage { inherit pname debs mainProgram programs meta; };
    } (if universe then builtins.seq package requested else tree);
in
lib.mapAttrs (pname: _: debianPackage { inherit pname; }) (
  if buildPlatform.system == hostPlatform.system then locked else tools // locked
)
// {
  inherit debianPackage;

  debs = lib.mapAttrs (name: _: unpacked name) locked;

  # The unpacked package of that name, with the message that makes the program
  # lock it where the lock lacks it.
  debianPackageFiles = unpacked;

  # debianEnvironment :: { name, packages } -> [ Derivation ]
  debianEnvironment =
    { name, packages }:
    let
      names = lib.unique packages;
      closure = closureOf names;
      conflicts = conflictsIn closure;
    in
    if universe then
      [
        (request name {
          kind = "environment";
          inherit name;
          packages = map (name: builtins.seq (lookUp name) name) names;
        })
      ]
    else if conflicts != [ ] then
      throw "the Debian packages of `${name}` do not go together: ${lib.concatStringsSep ", " conflicts}"
    else
      map unpacked closure;

  debianLock = lock;
  debianArchitecture = architecture;
}
