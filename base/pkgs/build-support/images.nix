# What a host boots from: initial RAM disks and disk images.
{ builtinDerivation, ... }:

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
      seed,
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
        # The image has a store of its own, and need not keep what it was made of.
        unsafeDiscardReferences.out = true;
      };
      passthru = { inherit fileName; };
    };
}
