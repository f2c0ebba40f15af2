# `fetchurl` with nixpkgs' arguments, carried out by Nix's own builtin builder.
{
  lib,
  builtinDerivation,
  pkgs,
}:

{
  fetchurl = lib.makeOverridable (
    {
      url ? "",
      urls ? [ ],
      name ? "",
      pname ? "",
      version ? "",
      hash ? "",
      sha256 ? "",
      sha512 ? "",
      sha1 ? "",
      md5 ? "",
      outputHash ? "",
      outputHashAlgo ? "",
      recursiveHash ? false,
      executable ? false,
      passthru ? { },
      meta ? { },
    }:
    let
      sources = if urls != [ ] then urls else [ url ];
      given = lib.filter (candidate: candidate.outputHash != "") [
        {
          outputHashAlgo = null;
          outputHash = hash;
        }
        {
          outputHashAlgo = "sha256";
          outputHash = sha256;
        }
        {
          outputHashAlgo = "sha512";
          outputHash = sha512;
        }
        {
          outputHashAlgo = "sha1";
          outputHash = sha1;
        }
        {
          outputHashAlgo = "md5";
          outputHash = md5;
        }
        {
          outputHashAlgo = if outputHashAlgo == "" then null else outputHashAlgo;
          inherit outputHash;
        }
      ];
      expected =
        if given == [ ] then
          throw "fetchurl: no hash given for ${lib.head sources}"
        else
          lib.head given;
      fileName =
        if name != "" then
          name
        else if pname != "" then
          "${pname}-${version}"
        else
          baseNameOf (toString (lib.head sources));
    in
    lib.extendDerivation true
      (
        passthru
        // {
          inherit meta passthru;
          urls = sources;
        }
      )
      (
        derivation (
          {
            name = fileName;
            system = "builtin";
            builder = "builtin:fetchurl";
            url = lib.head sources;
            urls = sources;
            inherit (expected) outputHash;
            outputHashMode = if recursiveHash || executable then "recursive" else "flat";
            inherit executable;
            unpack = false;
            preferLocalBuild = true;
            # The builder runs with the program's own connection settings.
            impureEnvVars = [
              "http_proxy"
              "https_proxy"
              "ftp_proxy"
              "all_proxy"
              "no_proxy"
            ];
          }
          // lib.optionalAttrs (expected.outputHashAlgo != null) { inherit (expected) outputHashAlgo; }
          // lib.optionalAttrs (expected.outputHashAlgo == null) { outputHashAlgo = ""; }
        )
      )
  );
}
