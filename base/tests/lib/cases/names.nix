# Names that configurations of fleets use: all are there.
{ lib }:
let
  absent =
    set: text:
    lib.filter (name: !(lib.hasAttrByPath (lib.splitString "." name) set)) (
      lib.filter (name: name != "") (lib.splitString " " (lib.replaceStrings [ "\n" ] [ " " ] text))
    );
  pkgs = import ../../.. { system = "x86_64-linux"; };
  text = file: file.text;
in
{
  testLib = {
    expr = absent lib ''
      attrsets.mapAttrsRecursiveCond boolToString concatMap concatMapStringsSep concatStrings concatStringsSep elem
      evalModules filter filterAttrs foldl' genAttrs getAttrFromPath hasPrefix importTOML length licenses
      literalExpression maintainers makeBinPath mapAttrs mapAttrsToList mkDefault mkEnableOption mkForce mkIf
      mkImageMediaOverride mkMerge mkOption mkOverride network.ipv6.fromString optional optionalAttrs optionals
      optionalString options.isOption platforms recursiveUpdate removeAttrs seq sourceByRegex stringToCharacters
      strings.toInt strings.trim systems.flakeExposed trim types unique
    '';
    expected = [ ];
  };
  testTypes = {
    expr = absent lib.types ''
      addCheck anything attrs attrsOf bool commas deferredModule either enum envVar float functionTo int ints.between
      ints.positive ints.unsigned lazyAttrsOf lines listOf nonEmptyStr nullOr number oneOf package path port raw
      separatedString singleLineStr str strMatching submodule submoduleWith uniq unspecified
    '';
    expected = [ ];
  };
  # Packages of Debian are there when a fleet pins them.
  testPackageFunctions = {
    expr = absent pkgs ''
      appendOverlays applyPatches buildEnv callPackage callPackages concatScript concatText concatTextFile emptyDirectory
      emptyFile extend fetchFromGitHub fetchFromGitLab fetchgit fetchurl fetchzip formats.gitIni formats.ini
      formats.iniWithGlobalSection formats.javaProperties formats.json formats.keyValue formats.pythonVars
      formats.systemd formats.toml formats.yaml linkFarm linuxKernel.packages.linux_rpi4 linuxPackages_latest
      linuxPackages_rpi4 linuxPackagesFor makeWrapper mkShell mkShellNoCC pkgsCross.aarch64-multiplatform replaceVars
      runCommand runCommandLocal rustPlatform.buildRustPackage stdenv.hostPlatform.isAarch64 stdenv.isDarwin
      stdenv.isLinux stdenv.mkDerivation substitute substituteAll symlinkJoin system writers.writeBashBin
      writers.writePython3 writeScript writeScriptBin writeShellApplication writeShellScript writeShellScriptBin
      writeText writeTextDir writeTextFile
    '';
    expected = [ ];
  };
  # What nixpkgs alone has is an error that says so.
  testAbsent = {
    expr = map (name: (builtins.tryEval pkgs.${name}).success) [
      "buildGoModule"
      "buildNpmPackage"
      "makeInitrdNG"
      "nodePackages"
      "vimPlugins"
    ];
    expected = [ false false false false false ];
  };
  testSubstitution = {
    expr =
      let
        template = ../data/template.txt;
      in
      [
        (text (pkgs.substituteAll {
          src = template;
          first = 1;
          second = "x y";
        }))
        (text (pkgs.replaceVars template {
          first = "f";
          second = "s";
          KEPT = null;
        }))
        (builtins.tryEval (text (pkgs.replaceVars template { first = 1; }))).success
      ];
    expected = [
      "a=1 b=x y c=@KEPT@ d@e.f\n"
      "a=f b=s c=@KEPT@ d@e.f\n"
      false
    ];
  };
  testFurtherFormats = {
    expr = map text [
      ((pkgs.formats.iniWithGlobalSection { }).generate "x" {
        globalSection.a = 1;
        sections.s.b = true;
      })
      ((pkgs.formats.gitIni { }).generate "x" { user.name = "A"; })
      ((pkgs.formats.javaProperties { comment = "c"; }).generate "x" { "a b" = "c=d"; e = true; })
      ((pkgs.formats.pythonVars { }).generate "x" {
        a = [ 1 null true ];
        b.c = "d";
      })
      ((pkgs.formats.systemd { }).generate "x" { Unit.After = [ "a" "b" ]; })
    ];
    expected = [
      "a=1\n\n[s]\nb=true\n"
      "[user]\n\tname = \"A\"\n"
      "# c\na\\ b=c\\=d\ne=true\n"
      "a = [1, None, True]\nb = {\"c\": \"d\"}\n"
      "[Unit]\nAfter=a\nAfter=b\n"
    ];
  };
}
