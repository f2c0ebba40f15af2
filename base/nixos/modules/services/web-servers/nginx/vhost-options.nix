# A site of nginx: `server { … }`.
{ lib, name, ... }:

let
  inherit (lib) mkOption types;
  flag =
    description:
    mkOption {
      type = types.bool;
      default = false;
      inherit description;
    };
  file =
    description:
    mkOption {
      type = types.nullOr types.path;
      default = null;
      inherit description;
    };
in
{
  options = {
    serverName = mkOption {
      type = types.nullOr types.str;
      default = null;
      defaultText = lib.literalMD "the name of the attribute";
      description = "The name that the site is asked for by.";
    };
    serverAliases = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "www.example.org" ];
      description = "Further names.";
    };
    listen = mkOption {
      type = types.listOf (
        types.submodule {
          options = {
            addr = mkOption {
              type = types.str;
              description = "The address.";
            };
            port = mkOption {
              type = types.nullOr types.port;
              default = null;
              description = "The port.";
            };
            ssl = flag "Whether the port speaks TLS.";
            proxyProtocol = flag "Whether a balancer before it tells who asks.";
            extraParameters = mkOption {
              type = types.listOf types.str;
              default = [ ];
              description = "Further words of the line.";
            };
          };
        }
      );
      default = [ ];
      description = "Addresses and ports; those that follow from the other options if empty.";
    };
    listenAddresses = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "127.0.0.1" ];
      description = "Addresses; all if empty.";
    };
    default = flag "Whether the site answers for names that no site has.";
    addSSL = flag "Whether the site is served by TLS, too.";
    onlySSL = flag "Whether the site is served by TLS alone.";
    forceSSL = flag "Whether those who ask without TLS are sent to it.";
    enableACME = flag "Whether the certificate is one of {option}`security.acme`, by the site's name.";
    useACMEHost = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "example.org";
      description = "The certificate of {option}`security.acme` that the site uses, if it is another's.";
    };
    acmeRoot = mkOption {
      type = types.nullOr types.str;
      default = "/var/lib/acme/acme-challenge";
      description = "Where proofs for certificates lie; null where they are made otherwise.";
    };
    sslCertificate = file "The certificate, with those that lead to its root.";
    sslCertificateKey = file "The certificate's key.";
    sslTrustedCertificate = file "Certificates of those who sign, for stapling.";
    http2 = mkOption {
      type = types.bool;
      default = true;
      description = "Whether TLS offers HTTP/2.";
    };
    root = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = "/srv/http";
      description = "The directory that paths are looked up in.";
    };
    globalRedirect = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "new.example.org";
      description = "The site that all are sent to.";
    };
    redirectCode = mkOption {
      type = types.ints.between 300 399;
      default = 301;
      description = "How they are sent there.";
    };
    basicAuthFile = file "A file on the host with names and hashed passwords, who alone may look.";
    locations = mkOption {
      type = types.attrsOf (types.submodule ./location-options.nix);
      default = { };
      example = lib.literalExpression ''{ "/".proxyPass = "http://127.0.0.1:8080"; }'';
      description = "Places of the site, by path.";
    };
    extraConfig = mkOption {
      type = types.lines;
      default = "";
      description = "Further lines of the site.";
    };
  };
}
