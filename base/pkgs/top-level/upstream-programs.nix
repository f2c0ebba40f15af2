# Programs that Debian does not have and that come as one file from those who make them. The hash is that of the release;
# a newer one is a change of two lines, here or in an overlay.
final: prev:

let
  inherit (final) lib;
  architecture = final.debianArchitecture;

  # upstreamProgram :: { pname, version, files, links? } -> Derivation
  # `files` has a URL and a hash for each of Debian's architectures.
  upstreamProgram =
    {
      pname,
      version,
      files,
      # Further names that the program goes by.
      links ? [ ],
      homepage,
      license,
    }:
    let
      file =
        files.${architecture}
          or (throw "${pname} ${version} has no release for ${architecture}; it has ${lib.concatStringsSep ", " (lib.attrNames files)}");
    in
    lib.extendDerivation true
      {
        inherit pname version;
        # It is whole: it needs no package of Debian's.
        debianPackages = [ ];
        meta = {
          mainProgram = pname;
          inherit homepage license;
        };
      }
      (
        final.makeTree "${pname}-${lib.replaceStrings [ "+" ] [ "-" ] version}" (
          [
            {
              path = "bin/${pname}";
              source = final.fetchurl {
                name = "${pname}-${architecture}";
                inherit (file) url hash;
              };
              executable = true;
            }
          ]
          ++ map (name: {
            path = "bin/${name}";
            symlink = pname;
          }) links
        )
      );
in
{
  inherit upstreamProgram;

  k3s = upstreamProgram rec {
    pname = "k3s";
    version = "1.36.4+k3s1";
    files =
      let
        release = "https://github.com/k3s-io/k3s/releases/download/v${lib.replaceStrings [ "+" ] [ "%2B" ] version}";
      in
      {
        amd64 = {
          url = "${release}/k3s";
          hash = "sha256-g1hz83JF/GFfVHov4q+UAqNHh18T+mSh8TbeZElV6j8=";
        };
        arm64 = {
          url = "${release}/k3s-arm64";
          hash = "sha256-ySBwY0bVrU5c08e/G7Cc5x6+B/7IKeUT5A8cr5iu2Ls=";
        };
      };
    links = [
      "crictl"
      "ctr"
      "kubectl"
    ];
    homepage = "https://k3s.io";
    license = lib.licenses.asl20;
  };
}
