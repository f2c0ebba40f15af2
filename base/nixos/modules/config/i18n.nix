# Languages.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  cfg = config.i18n;

  settings = {
    LANG = cfg.defaultLocale;
  }
  // cfg.extraLocaleSettings;

  # "en_US.UTF-8/UTF-8" → "en_US.utf8", the directory that locales-all has it in.
  directoryOf =
    locale:
    let
      name = lib.head (lib.splitString "/" locale);
      parts = builtins.match "([^.@]+)([.][^@]+)?(@.+)?" name;
      part = index: if parts == null || lib.elemAt parts index == null then "" else lib.elemAt parts index;
      encoding = lib.toLower (lib.replaceStrings [ "-" ] [ "" ] (part 1));
    in
    "${part 0}${encoding}${part 2}";

  compiled = "${pkgs.debs.locales-all}/usr/lib/locale";

  # The categories of a locale (locale(7)), one file each. Most are links to those of
  # other locales, so each is taken by itself, with what it links to.
  categories = [
    "LC_ADDRESS"
    "LC_COLLATE"
    "LC_CTYPE"
    "LC_IDENTIFICATION"
    "LC_MEASUREMENT"
    "LC_MESSAGES/SYS_LC_MESSAGES"
    "LC_MONETARY"
    "LC_NAME"
    "LC_NUMERIC"
    "LC_PAPER"
    "LC_TELEPHONE"
    "LC_TIME"
  ];

  # glibc has these in libc-bin or in itself.
  builtIn = [
    "C"
    "C.UTF-8"
    "POSIX"
  ];

  entries =
    if lib.elem "all" cfg.supportedLocales then
      [
        {
          path = "lib/locale";
          source = compiled;
        }
      ]
    else
      lib.concatMap
        (
          directory:
          map (category: {
            path = "lib/locale/${directory}/${category}";
            source = "${compiled}/${directory}/${category}";
          }) categories
        )
        (
          lib.unique (
            map directoryOf (
              lib.filter (locale: !(lib.elem (lib.head (lib.splitString "/" locale)) builtIn)) cfg.supportedLocales
            )
          )
        );
in
{
  options.i18n = {
    defaultLocale = mkOption {
      type = types.str;
      default = "en_US.UTF-8";
      example = "C.UTF-8";
      description = "The language of programs, and how they write numbers and dates.";
    };

    extraLocaleSettings = mkOption {
      type = types.attrsOf types.str;
      default = { };
      example = {
        LC_TIME = "de_DE.UTF-8";
      };
      description = "Parts of the language that differ from {option}`i18n.defaultLocale`.";
    };

    extraLocales = mkOption {
      type = types.either (types.listOf types.str) (types.enum [ "all" ]);
      default = [ ];
      description = "Further locales that the host has.";
    };

    supportedLocales = mkOption {
      type = types.listOf types.str;
      default = lib.unique (
        [ "C.UTF-8/UTF-8" ]
        ++ map (locale: "${locale}/UTF-8") (lib.attrValues (removeAttrs settings [ "LANGUAGE" ]))
        ++ lib.toList cfg.extraLocales
      );
      defaultText = lib.literalMD "those that the other options name";
      description = "The locales that the host has; `all` is every one there is.";
    };
  };

  config = {
    environment.sessionVariables = settings;

    environment.etc."locale.conf".text = lib.concatStrings (
      lib.mapAttrsToList (name: value: "${name}=${value}\n") settings
    );

    # Debian has all compiled locales in one package; a host has those it names.
    system.debian.usrEntries = entries;
  };
}
