# The standard environment: Debian's compilers and shell tools, and what
# `mkDerivation` makes of them.
final: prev:

let
  inherit (final) lib buildPlatform hostPlatform;
  toolchain = import ./toolchain.nix { inherit lib final; };

  isCross = buildPlatform.system != hostPlatform.system;
  # What Debian calls the compilers for a machine, and their programs.
  triplets = {
    aarch64-linux = "aarch64-linux-gnu";
    armv7l-linux = "arm-linux-gnueabihf";
    i686-linux = "i686-linux-gnu";
    powerpc64le-linux = "powerpc64le-linux-gnu";
    riscv64-linux = "riscv64-linux-gnu";
    s390x-linux = "s390x-linux-gnu";
    x86_64-linux = "x86_64-linux-gnu";
  };
  triplet =
    triplets.${hostPlatform.system} or (throw "Debian has no compiler for ${hostPlatform.system}");

  make =
    {
      name,
      basePackages,
      targetPrefix,
      hasCC,
    }:
    let
      stdenv = {
        inherit name buildPlatform hostPlatform hasCC;
        targetPlatform = hostPlatform;
        inherit (hostPlatform)
          system
          isLinux
          isx86_64
          isAarch64
          isAarch32
          isi686
          ;
        isDarwin = false;
        shell = "/bin/bash";
        cc = {
          inherit targetPrefix;
          isGNU = true;
          isClang = false;
          libc = null;
        };
        # The `/usr` of builds that take in nothing else of Debian's.
        debianEnvironment = toolchain.environment {
          inherit name;
          packages = basePackages;
        };
        debianRoot = toolchain.debianRoot {
          inherit name;
          packages = basePackages;
          debs = stdenv.debianEnvironment;
        };
        mkDerivation = import ./make-derivation.nix {
          inherit
            lib
            final
            toolchain
            basePackages
            targetPrefix
            stdenv
            ;
        };
      };
    in
    stdenv;
in
{
  stdenv = make {
    name = "stdenv";
    basePackages =
      toolchain.shellTools
      ++ toolchain.compilers
      ++ lib.optionals isCross (
        toolchain.crossCompilers {
          inherit triplet;
          architecture = final.debianArchitecture;
        }
      );
    targetPrefix = lib.optionalString isCross "${triplet}-";
    hasCC = true;
  };

  stdenvNoCC = make {
    name = "stdenv-no-cc";
    basePackages = toolchain.shellTools;
    targetPrefix = "";
    hasCC = false;
  };
}
