# Sources by nixpkgs' names for their fetchers. All are fetched by the program
# itself, while it evaluates, and checked against the given hash.
{ lib, ... }:

let
  hashOf =
    function: arguments:
    let
      given = lib.filter (hash: hash != null && hash != "") [
        (arguments.hash or null)
        (arguments.sha256 or null)
      ];
    in
    if given == [ ] then throw "${function}: no hash given" else lib.head given;

  # A hash as flakes' fetchers take it.
  sri =
    hash:
    builtins.convertHash {
      inherit hash;
      hashAlgo = "sha256";
      toHashFormat = "sri";
    };

  fetchzip =
    {
      url ? lib.head urls,
      urls ? [ ],
      name ? "source",
      stripRoot ? true,
      ...
    }@arguments:
    if !stripRoot then
      throw "fetchzip: the Debian base unpacks archives with one directory at the root only"
    else
      builtins.fetchTarball {
        inherit url name;
        sha256 = hashOf "fetchzip" arguments;
      };

  fetchgit =
    {
      url,
      rev ? null,
      tag ? null,
      name ? "source",
      fetchSubmodules ? true,
      ...
    }@arguments:
    if rev == null && tag == null then
      throw "fetchgit: neither rev nor tag is given for ${url}"
    else
      builtins.fetchTree (
        {
          type = "git";
          inherit url;
          submodules = fetchSubmodules;
          narHash = sri (hashOf "fetchgit" arguments);
        }
        // (
          if rev != null && builtins.match "[0-9a-f]{40}" rev != null then
            {
              inherit rev;
              allRefs = true;
            }
          else
            { ref = if tag != null then "refs/tags/${tag}" else rev; }
        )
      );

  revision = arguments: if arguments.tag or null != null then "refs/tags/${arguments.tag}" else arguments.rev;
in
{
  inherit fetchzip fetchgit;

  fetchFromGitHub =
    {
      owner,
      repo,
      githubBase ? "github.com",
      fetchSubmodules ? false,
      ...
    }@arguments:
    if fetchSubmodules then
      fetchgit (
        removeAttrs arguments [
          "owner"
          "repo"
          "githubBase"
        ]
        // {
          url = "https://${githubBase}/${owner}/${repo}.git";
        }
      )
    else
      fetchzip {
        url = "https://${githubBase}/${owner}/${repo}/archive/${revision arguments}.tar.gz";
        name = arguments.name or "source";
        hash = hashOf "fetchFromGitHub" arguments;
      };

  fetchFromGitLab =
    {
      owner,
      repo,
      domain ? "gitlab.com",
      ...
    }@arguments:
    fetchzip {
      url = "https://${domain}/${owner}/${repo}/-/archive/${arguments.tag or arguments.rev}/${repo}.tar.gz";
      name = arguments.name or "source";
      hash = hashOf "fetchFromGitLab" arguments;
    };
}
