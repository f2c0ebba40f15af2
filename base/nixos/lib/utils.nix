# Functions for modules, passed to each as `utils`.
{
  lib,
  config,
  pkgs,
}:

let
  inherit (lib)
    any
    concatMapStringsSep
    elem
    hasPrefix
    hasSuffix
    removePrefix
    removeSuffix
    replaceStrings
    stringToCharacters
    ;

  # Mount points that must be there before the second stage can run.
  pathsNeededForBoot = [
    "/"
    "/nix"
    "/nix/store"
    "/var"
    "/var/log"
    "/var/lib"
    "/var/lib/nixos"
    "/etc"
    "/usr"
  ];

  # systemd.unit(5), "String escaping for inclusion in unit names": all but
  # letters, digits, `_`, `:` and an inner `.` becomes \xNN.
  escapeCharacter =
    first: character:
    if character == "/" then
      "-"
    else if builtins.match "[A-Za-z0-9:_]" character != null || (character == "." && !first) then
      character
    else
      let
        known = {
          " " = "20";
          "!" = "21";
          "\"" = "22";
          "#" = "23";
          "$" = "24";
          "%" = "25";
          "&" = "26";
          "'" = "27";
          "(" = "28";
          ")" = "29";
          "*" = "2a";
          "+" = "2b";
          "," = "2c";
          "-" = "2d";
          "." = "2e";
          ";" = "3b";
          "<" = "3c";
          "=" = "3d";
          ">" = "3e";
          "?" = "3f";
          "@" = "40";
          "[" = "5b";
          "\\" = "5c";
          "]" = "5d";
          "^" = "5e";
          "`" = "60";
          "{" = "7b";
          "|" = "7c";
          "}" = "7d";
          "~" = "7e";
        };
      in
      "\\x${
        known.${character}
          or (throw "the character `${character}` cannot be part of a systemd unit's name")
      }";

  escapeSystemdString =
    text:
    lib.concatStrings (
      lib.imap0 (index: escapeCharacter (index == 0)) (stringToCharacters text)
    );
in
rec {
  inherit pathsNeededForBoot escapeSystemdString;

  fsNeededForBoot = fs: fs.neededForBoot || elem fs.mountPoint pathsNeededForBoot;

  # Whether `a` must be mounted before `b`.
  fsBefore =
    a: b:
    let
      slash = path: if hasSuffix "/" path then path else "${path}/";
      below = parent: child: hasPrefix (slash parent) (slash child) && parent != child;
    in
    below a.mountPoint b.mountPoint
    || (b.device != null && hasPrefix "/" b.device && below a.mountPoint b.device)
    || any (dependency: dependency == a.mountPoint || below a.mountPoint dependency) b.depends;

  # "/dev/disk/by-label/a b" → "dev-disk-by\x2dlabel-a\x20b"
  escapeSystemdPath =
    path:
    let
      collapse =
        text:
        let
          once = replaceStrings [ "//" ] [ "/" ] text;
        in
        if once == text then text else collapse once;
      trimmed = removeSuffix "/" (removePrefix "/" (collapse path));
    in
    if trimmed == "" then "-" else escapeSystemdString trimmed;

  # An argument of an Exec line that systemd passes on as it is.
  escapeSystemdExecArg =
    argument:
    let
      text =
        if builtins.isPath argument then
          "${argument}"
        else if builtins.isInt argument || builtins.isFloat argument || lib.isDerivation argument then
          toString argument
        else if builtins.isString argument then
          argument
        else
          throw "escapeSystemdExecArg takes strings, paths, numbers and derivations";
    in
    replaceStrings [ "%" "$" ] [ "%%" "$$" ] (builtins.toJSON text);

  escapeSystemdExecArgs = concatMapStringsSep " " escapeSystemdExecArg;

  toShellPath = shell: if lib.isDerivation shell then "${shell}${shell.shellPath or "/bin/${shell.meta.mainProgram}"}" else "${shell}";

  # The names of packages in a list that another list would add again.
  removePackagesByName =
    packages: unwanted:
    let
      names = map lib.getName unwanted;
    in
    lib.filter (package: !(elem (lib.getName package) names)) packages;

  storePathsIn = import ./store-paths.nix { inherit lib; };

  systemdUtils = import ./systemd-utils.nix { inherit lib config pkgs; };
}
