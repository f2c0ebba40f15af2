# What a host boots from: initial RAM disks and disk images.
{ lib, builtinDerivation, ... }:

{
  # A newc cpio archive `initrd`; see the builder for the entries and modules.
  makeInitrd =
    {
      name ? "initrd",
      entries,
      kernelModules ? null,
      libraryPaths ? [ ],
      compressor ? "zstd",
      prepend ? [ ],
    }:
    builtinDerivation {
      inherit name;
      builder = "make-initrd";
      attributes = {
        inherit
          entries
          libraryPaths
          compressor
          prepend
          ;
      }
      // (if kernelModules == null then { } else { inherit kernelModules; });
    };

  # A partitioned disk as one file. Everything random in it comes from `seed`.
  makeDiskImage =
    {
      name,
      fileName,
      imageFormat ? "raw",
      partitionTable ? "gpt",
      # The output's directory for the file, such as "sd-image".
      directory ? null,
      # "zstd" or "xz".
      compression ? null,
      seed,
      # Of an MBR disk: "0x" and eight hexadecimal digits.
      signature ? null,
      # Bytes before the first partition.
      gap ? 0,
      # What the host takes from what is put there for one machine.
      takes ? [ ],
      # The SHA-256 of packages by NAME_VERSION, for the list of what the image holds.
      debHashes ? { },
      partitions,
    }:
    builtinDerivation {
      inherit name;
      builder = "disk-image";
      attributes = {
        inherit
          fileName
          imageFormat
          partitionTable
          seed
          partitions
          ;
      }
      // lib.filterAttrs (_: value: value != null && value != 0 && value != [ ] && value != { }) {
        inherit
          directory
          compression
          signature
          gap
          takes
          debHashes
          ;
      }
      // {
        # The image has a store of its own, and need not keep what it was made of.
        unsafeDiscardReferences.out = true;
      };
      passthru = { inherit fileName; };
    };
}
