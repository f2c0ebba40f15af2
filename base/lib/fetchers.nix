# Arguments that fetchers share.
{ lib }:
rec {
  # proxyImpureEnvVars :: [string]
  # What a download may take from the builder's environment.
  proxyImpureEnvVars = [
    "http_proxy"
    "https_proxy"
    "ftp_proxy"
    "all_proxy"
    "no_proxy"
    "HTTP_PROXY"
    "HTTPS_PROXY"
    "FTP_PROXY"
    "ALL_PROXY"
    "NO_PROXY"
    "NIX_SSL_CERT_FILE"
    "NIX_NPM_REGISTRY"
  ];

  # normalizeHash :: { hashTypes; required; } -> set -> set
  # `hash`, `sha256`, ... to `outputHash` and `outputHashAlgo`.
  normalizeHash =
    {
      hashTypes ? [ "sha256" ],
      required ? true,
    }:
    args:
    let
      names = [ "hash" ] ++ hashTypes;
      given = builtins.filter (name: args ? ${name} && args.${name} != null) names;
      name = builtins.head given;
      rest = removeAttrs args names;
    in
    if args ? outputHash then
      rest
    else if builtins.length given > 1 then
      throw "multiple hashes passed: ${lib.concatStringsSep ", " given}"
    else if given == [ ] then
      if required then
        throw "fetcher called without `hash`"
      else
        rest
    else if name == "hash" then
      rest
      // {
        outputHash = if args.hash == "" then lib.fakeHash else args.hash;
        outputHashAlgo = null;
      }
    else
      rest
      // {
        # An empty hash is asked for to be told the right one.
        outputHash =
          if args.${name} != "" then
            args.${name}
          else if name == "sha512" then
            lib.fakeSha512
          else
            lib.fakeSha256;
        outputHashAlgo = name;
      };

  # withNormalizedHash :: { hashTypes; } -> (set -> a) -> (set -> a)
  withNormalizedHash =
    {
      hashTypes ? [ "sha256" ],
    }:
    fetcher:
    let
      inherit (lib) functionArgs setFunctionArgs;
      wanted = functionArgs fetcher;
      extra = lib.genAttrs ([ "hash" ] ++ hashTypes) (_: true);
    in
    setFunctionArgs (args: fetcher (normalizeHash { inherit hashTypes; } args)) (
      removeAttrs wanted [
        "outputHash"
        "outputHashAlgo"
      ]
      // extra
    );
}
