# Debian's programs for building, merged into one tree that is a build's `/usr`.
#
# Debian's binaries look for their loader, libraries and headers below `/usr`,
# so no wrapper has to tell them: the sandbox shows the tree there, as the
# derivation's attribute `debianRoot` says. Any other Nix builds the same with
# `sandbox-paths` /usr=TREE, /bin=TREE/bin, /lib=TREE/lib and /lib64=TREE/lib64.
{ lib, final }:

let
  inherit (final) buildPackages;

  # Names that Debian's maintainer scripts make.
  alternatives = import ../top-level/alternatives.nix {
    multiarch = "${buildPackages.stdenv.hostPlatform.parsed.cpu.name}-linux-gnu";
  };

  shellTools = [
    "bash"
    "bzip2"
    "coreutils"
    "dash"
    "debianutils"
    "diffutils"
    "file"
    "findutils"
    "gawk"
    "grep"
    "gzip"
    "libc-bin"
    "patch"
    "sed"
    "tar"
    "xz-utils"
    "zstd"
  ];

  compilers = [
    "binutils"
    "g++"
    "gcc"
    "libc6-dev"
    "make"
    "patchelf"
  ];
in
{
  inherit shellTools compilers;

  # The compiler for another architecture, which Debian has for its own.
  # `triplet` is "aarch64-linux-gnu".
  crossCompilers =
    { triplet, architecture }:
    let
      # No underscore is in a package's name.
      suffix = lib.replaceStrings [ "_" ] [ "-" ] triplet;
    in
    [
      "binutils-${suffix}"
      "g++-${suffix}"
      "gcc-${suffix}"
      "libc6-dev-${architecture}-cross"
    ];

  # The unpacked packages of a build.
  environment =
    { name, packages }:
    buildPackages.debianEnvironment {
      name = "build-of-${name}";
      inherit packages;
    };

  # Those with libraries that a program may need when it runs. A host has those of
  # the C library whatever it runs.
  runtimeLibraries = lib.filter (
    deb:
    let
      name = deb.pname or "";
    in
    name != ""
    && !(lib.hasSuffix "-dev" name)
    && !(lib.elem name [
      "libc-bin"
      "libc6"
      "libgcc-s1"
    ])
  );

  # debianRoot :: { name, packages, debs } -> derivation
  debianRoot =
    {
      name,
      packages,
      debs,
    }:
    let
      present = lib.unique (packages ++ map (deb: deb.pname or "") debs);
      offered = lib.concatMap (package: alternatives.${package} or [ ]) present;
    in
    buildPackages.mergeDebs {
      name = "${name}-usr";
      inherit debs;
      subtree = "usr";
      exclude = [
        "share/doc/**"
        "share/info/**"
        "share/lintian/**"
        "share/locale/**"
        "share/man/**"
      ];
      # Of entries for one path the last counts.
      entries = map (link: {
        path = link.name;
        symlink = link.target;
      }) (lib.sort (a: b: a.priority < b.priority) offered);
    };
}
