# Debian packages as store paths: fetched, unpacked, merged.
{
  lib,
  builtinDerivation,
  pkgs,
}:

let
  # A store path's name takes letters, digits and +-._?= only; Debian's
  # versions have `~` and `:` too, and pool file names `%3a`.
  storeName = lib.replaceStrings [ "%3a" "~" ":" ] [ "-" "-" "-" ];
in
{
  # The .deb of a locked package, from any mirror of its archive.
  fetchDeb =
    { file, sha256, ... }:
    pkgs.fetchurl {
      name = storeName (baseNameOf file);
      url = "mirror://${file}";
      inherit sha256;
    };

  # The content of a .deb as shipped; no maintainer script runs.
  unpackDeb =
    {
      src,
      package,
      version,
      architecture,
      include ? null,
    }:
    builtinDerivation {
      name = storeName "${package}-${version}";
      builder = "unpack-deb";
      attributes = {
        inherit
          src
          package
          version
          architecture
          ;
      }
      // lib.optionalAttrs (include != null) { inherit include; };
      passthru = {
        inherit version src;
        pname = package;
        debianArchitecture = architecture;
      };
    };

  # One subtree ("usr", "etc", "var") of many unpacked packages as one tree.
  mergeDebs =
    {
      name,
      debs ? [ ],
      closureOf ? [ ],
      subtree ? "usr",
      # Globs relative to the subtree, of files that are left out.
      exclude ? [ ],
      entries ? [ ],
      depmod ? false,
      hwdb ? false,
      # Where the list of the packages goes, in dpkg's format.
      statusFile ? null,
      passthru ? { },
      meta ? { },
    }:
    builtinDerivation {
      inherit name passthru meta;
      builder = "merge-debs";
      attributes = {
        inherit
          debs
          closureOf
          subtree
          exclude
          entries
          depmod
          hwdb
          statusFile
          ;
      };
    };
}
