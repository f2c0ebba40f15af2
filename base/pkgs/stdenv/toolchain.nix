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
  links = {
    awk = "gawk";
    cc = "gcc";
    "c++" = "g++";
    which = "which.debianutils";
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

  # debianRoot :: { name, packages } -> derivation
  debianRoot =
    { name, packages }:
    let
      has = package: lib.elem package packages;
    in
    buildPackages.mergeDebs {
      name = "${name}-usr";
      debs = buildPackages.debianEnvironment {
        name = "build-of-${name}";
        inherit packages;
      };
      subtree = "usr";
      exclude = [
        "share/doc/**"
        "share/info/**"
        "share/lintian/**"
        "share/locale/**"
        "share/man/**"
      ];
      entries = lib.mapAttrsToList (link: target: {
        path = "bin/${link}";
        symlink = target;
      }) (lib.filterAttrs (link: _: has "gcc" || !(lib.elem link [ "cc" "c++" ])) links);
    };
}
