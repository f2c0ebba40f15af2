# Inputs that change what a build does: shell code that its setup reads, and
# Debian's packages that the code needs.
{ lib, pkgs, ... }:

let
  # makeSetupHook :: { name, debianPackages, propagatedBuildInputs } -> Path -> derivation
  makeSetupHook =
    {
      name ? "hook",
      debianPackages ? [ ],
      substitutions ? { },
      passthru ? { },
      meta ? { },
      ...
    }:
    script:
    let
      variables = lib.attrNames substitutions;
      text = lib.replaceStrings (map (variable: "@${variable}@") variables) (
        map (variable: "${substitutions.${variable}}") variables
      ) (builtins.readFile script);
      tree = pkgs.makeTree name [
        {
          path = "nix-support/setup-hook";
          inherit text;
        }
      ];
    in
    tree
    // passthru
    // {
      inherit meta;
      propagatedDebianPackages = debianPackages;
    };
in
{
  inherit makeSetupHook;

  # Makes `configure` from `configure.ac` first.
  autoreconfHook = makeSetupHook {
    name = "autoreconf-hook";
    debianPackages = [
      "autoconf"
      "automake"
      "gettext"
      "libtool"
      "m4"
      "perl"
    ];
  } ./setup-hooks/autoreconf.sh;

  # `installManPage`, `installShellCompletion`.
  installShellFiles = makeSetupHook { name = "install-shell-files"; } ./setup-hooks/install-shell-files.sh;

  # `makeWrapper`, `wrapProgram`.
  makeWrapper = makeSetupHook { name = "make-wrapper"; } ./setup-hooks/make-wrapper.sh;
}
