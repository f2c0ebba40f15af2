# Manual pages and other documentation of the installed packages.
{ config, lib, ... }:

let
  cfg = config.documentation;
in
{
  options.documentation = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = "Whether packages' documentation is installed at all.";
    };
    man.enable = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = "Whether manual pages and the `man` command are installed.";
    };
    info.enable = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = "Whether pages in GNU info format are installed.";
    };
    doc.enable = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = "Whether the files under /usr/share/doc are installed, besides those that say who made a package and under which license.";
    };
  };

  config = {
    environment.debianPackages = lib.mkIf (cfg.enable && cfg.man.enable) [ "man-db" ];
    system.debian.usrExclude =
      lib.optionals (!cfg.enable || !cfg.man.enable) [ "share/man/**" ]
      ++ lib.optionals (!cfg.enable || !cfg.info.enable) [ "share/info/**" ]
      # All but `copyright`: licenses want to go along, and lists of what an image holds are made of it.
      ++ lib.optionals (!cfg.enable || !cfg.doc.enable) [
        "share/doc/*/[!c]*"
        "share/doc/*/c[!o]*"
        "share/doc/*/co[!p]*"
      ];
  };
}
