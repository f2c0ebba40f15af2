# A place of a site: `location PATH { … }`.
{ lib, ... }:

let
  inherit (lib) mkOption types;
  text =
    example: description:
    mkOption {
      type = types.nullOr types.str;
      default = null;
      inherit example description;
    };
in
{
  options = {
    proxyPass = text "http://127.0.0.1:8080" "The server that answers in place of this one.";
    proxyWebsockets = mkOption {
      type = types.bool;
      default = false;
      description = "Whether connections can become WebSockets.";
    };
    recommendedProxySettings = mkOption {
      type = types.nullOr types.bool;
      default = null;
      description = "Whether the other server is told who asks and how; as for all sites if null.";
    };
    root = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = "/srv/http";
      description = "The directory that paths are looked up in.";
    };
    alias = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = "/srv/http/pictures";
      description = "The directory that stands in place of the location's path.";
    };
    index = text "index.html" "The file that stands for a directory.";
    tryFiles = text "$uri =404" "Files that are tried in turn.";
    return = mkOption {
      type = types.nullOr (
        types.oneOf [
          types.str
          types.int
        ]
      );
      default = null;
      example = "301 https://example.org$request_uri";
      description = "What is answered at once.";
    };
    basicAuthFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      description = "A file on the host with names and hashed passwords, who alone may look.";
    };
    fastcgiParams = mkOption {
      type = types.attrsOf (types.either types.str types.path);
      default = { };
      description = "Parameters of a FastCGI server.";
    };
    extraConfig = mkOption {
      type = types.lines;
      default = "";
      description = "Further lines of the location.";
    };
    priority = mkOption {
      type = types.int;
      default = 1000;
      description = "The place among the site's locations; lower ones come first.";
    };
  };
}
