{
  description = "Programs packaged from source";

  inputs.nixpkgs.url = "hostwright:debian";

  outputs =
    { self, nixpkgs }:
    let
      pkgs = nixpkgs.legacyPackages.x86_64-linux;
    in
    {
      packages.x86_64-linux = rec {
        # Plain make, a substitution, a check, two outputs.
        hello = pkgs.stdenv.mkDerivation (finalAttrs: {
          pname = "hello-c";
          version = "1.0";
          src = ./hello-c;
          postPatch = "substituteInPlace hello.c --replace-fail @GREETING@ 'Hello from ${finalAttrs.version}'";
          makeFlags = [ "PREFIX=$(out)" ];
          doCheck = true;
          outputs = [
            "out"
            "man"
          ];
        });

        # A library of one's own, with its headers in another output.
        greet = pkgs.stdenv.mkDerivation {
          name = "greet-2.1";
          dontUnpack = true;
          outputs = [
            "out"
            "dev"
          ];
          buildPhase = ''
            echo 'const char *greet(void) { return "from a library"; }' > greet.c
            $CC -shared -fPIC -o libgreet.so greet.c
          '';
          installPhase = ''
            mkdir -p $out/lib/pkgconfig $out/include
            cp libgreet.so $out/lib
            echo 'const char *greet(void);' > $out/include/greet.h
            printf 'Name: greet\nDescription: x\nVersion: 2.1\nLibs: -L%s -lgreet\nCflags: -I%s\n' \
              $out/lib $dev/include > $out/lib/pkgconfig/greet.pc
          '';
        };

        # A program that needs that and a library of Debian's.
        user = pkgs.stdenv.mkDerivation {
          name = "user-1";
          src = pkgs.writeText "user.c" ''
            #include <greet.h>
            #include <zlib.h>
            #include <stdio.h>
            int main(void) { printf("%s, zlib %c\n", greet(), *zlibVersion()); return 0; }
          '';
          dontUnpack = true;
          nativeBuildInputs = [ pkgs.pkgconf ];
          buildInputs = [
            greet
            pkgs.zlib1g-dev
          ];
          buildPhase = "$CC -x c $src $(pkg-config --cflags --libs greet zlib) -o user";
          installPhase = "install -D user $out/bin/user";
        };

        # autoconf and automake, for this machine and for another.
        counter = pkgs.stdenv.mkDerivation {
          name = "counter-3.0";
          src = ./counter;
          nativeBuildInputs = [ pkgs.autoreconfHook ];
          doCheck = true;
        };
        counter-aarch64 = pkgs.pkgsCross.aarch64-multiplatform.stdenv.mkDerivation {
          name = "counter-3.0";
          src = ./counter;
          nativeBuildInputs = [ pkgs.autoreconfHook ];
        };

        greeter = pkgs.rustPlatform.buildRustPackage {
          pname = "greeter";
          version = "0.1.0";
          src = ./greeter;
          cargoVendorDir = "vendor";
        };

        script = pkgs.writeShellApplication {
          name = "script";
          runtimeInputs = [ hello ];
          text = ''hello-c "$@"'';
        };

        # What all of them say.
        said =
          pkgs.runCommand "said"
            {
              nativeBuildInputs = [
                hello
                user
                counter
                greeter
                script
              ];
              greeting = "  two  spaces";
            }
            ''
              { hello-c; user; counter; greeter; script; echo "$greeting"; echo "$NIX_BUILD_CORES"; } > $out
            '';

        unquoted = pkgs.writeShellApplication {
          name = "unquoted";
          text = "echo $1";
        };
        failing = pkgs.runCommandCC "failing" { } "gcc --version | head -1; seq 1 40; exit 4";
        sleeping = pkgs.runCommand "sleeping" { } "echo asleep; sleep 600";
      };
    };
}
