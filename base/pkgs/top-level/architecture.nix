# Debian's name for the architecture of a platform (Debian Policy 11.1).
{ lib }:

platform:
let
  names = {
    x86_64-linux = "amd64";
    aarch64-linux = "arm64";
    armv7l-linux = "armhf";
    i686-linux = "i386";
    riscv64-linux = "riscv64";
    powerpc64le-linux = "ppc64el";
    s390x-linux = "s390x";
  };
in
names.${platform.system}
  or (throw "Debian has no architecture for the system `${platform.system}`; it has them for ${lib.concatStringsSep ", " (lib.attrNames names)}")
