# What is wrong with the options that the modules declare: those without a
# description, and those whose default has no text for the reference. A list of
# messages, empty if nothing is wrong.
#
#   nix-instantiate --eval --strict base/tests/nixos/options.nix
let
  lib = import ../../lib;
  system = import ../../nixos/lib/eval-config.nix {
    inherit lib;
    system = null;
    modules = [
      {
        nixpkgs.hostPlatform = "x86_64-linux";
        fileSystems."/".device = "/dev/disk/by-label/nixos";
        system.stateVersion = "25.11";
      }
    ];
  };

  options = lib.optionAttrSetToDocList system.options;
  # Options that are no more only hold their message.
  shown = lib.filter (option: option.visible && !(lib.hasPrefix "_module." option.name)) options;

  problems =
    option:
    lib.optional (
      (option.description or null) == null || option.description == ""
    ) "${option.name} has no description"
    ++ lib.optional (
      option ? default && !(builtins.tryEval (builtins.deepSeq option.default true)).success
    ) "${option.name} has a default that cannot be shown; give it a defaultText";
in
lib.concatMap problems shown
