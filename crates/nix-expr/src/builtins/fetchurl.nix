# A file from the network as a derivation that the program itself builds: no other program is needed, so that this can
# be the very first step of a bootstrap. Names and meaning of the arguments are those of <nix/fetchurl.nix> in Nix.
{
  url,
  name ? baseNameOf (toString url),
  executable ? false,
  unpack ? false,
  impure ? false,
  # One of these; the first of them that is given counts.
  hash ? "",
  sha512 ? "",
  sha1 ? "",
  md5 ? "",
  sha256 ? "",
  outputHash ? null,
  outputHashAlgo ? null,
  # Accepted and ignored.
  system ? "",
}:
let
  candidates = [
    {
      algorithm = "";
      digest = hash;
    }
    {
      algorithm = "sha512";
      digest = sha512;
    }
    {
      algorithm = "sha1";
      digest = sha1;
    }
    {
      algorithm = "md5";
      digest = md5;
    }
  ];
  given = builtins.filter (candidate: candidate.digest != "") candidates;
  chosen = builtins.head (
    given
    ++ [
      {
        algorithm = "sha256";
        digest = sha256;
      }
    ]
  );
  pin = {
    outputHash = if outputHash == null then chosen.digest else outputHash;
    outputHashAlgo = if outputHashAlgo == null then chosen.algorithm else outputHashAlgo;
  };
  proxies = map (protocol: protocol + "_proxy") [
    "http"
    "https"
    "ftp"
    "all"
    "no"
  ];
in
derivation (
  {
    inherit
      executable
      name
      unpack
      url
      ;
    urls = [ url ];
    system = "builtin";
    builder = "builtin:fetchurl";
    outputHashMode = if executable || unpack then "recursive" else "flat";
    # The fetched file is what its hash says wherever it was fetched, so fetching it elsewhere gains nothing.
    preferLocalBuild = true;
    # Part of the derivation's hash, so they have to stay.
    impureEnvVars = proxies;
  }
  // (if impure then { __impure = true; } else pin)
)
