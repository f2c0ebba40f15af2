# The certificate authorities that programs trust.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.security.pki;

  bundle = pkgs.builtinDerivation {
    name = "ca-certificates.crt";
    builder = "concat-files";
    attributes.sources =
      lib.optional cfg.installCACerts {
        path = "${pkgs.debs.ca-certificates}/usr/share/ca-certificates";
        suffix = ".crt";
      }
      ++ map (file: "${file}") cfg.certificateFiles
      ++ lib.imap0 (
        index: text: "${pkgs.writeText "certificate-${toString index}.pem" (text + "\n")}"
      ) cfg.certificates;
  };
in
{
  options.security.pki = {
    installCACerts = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the authorities of Debian's ca-certificates are trusted.";
    };

    certificateFiles = mkOption {
      type = types.listOf types.path;
      default = [ ];
      example = lib.literalExpression "[ ./our-root.pem ]";
      description = "Files with further certificates in PEM.";
    };

    certificates = mkOption {
      type = types.listOf types.str;
      default = [ ];
      description = "Further certificates, as text in PEM.";
    };

    caBundle = mkOption {
      type = types.path;
      readOnly = true;
      default = bundle;
      defaultText = lib.literalMD "all certificates in one file";
      description = "The file with all certificates.";
    };
  };

  config = {
    environment.debianPackages = [
      "ca-certificates"
      "openssl"
    ];

    # The places where distributions' programs look.
    environment.etc =
      lib.genAttrs
        [
          "ssl/certs/ca-certificates.crt"
          "ssl/certs/ca-bundle.crt"
          "ssl/cert.pem"
          "pki/tls/certs/ca-bundle.crt"
        ]
        (_: {
          source = bundle;
        });

    environment.sessionVariables.NIX_SSL_CERT_FILE = "/etc/ssl/certs/ca-certificates.crt";
  };
}
