# All options as plain records, for a reference and for searches.
#
#   options   the options of a configuration; null: those of the base itself
#   sources   a directory whose files are named relative to it; null: the tree of this base
{
  options ? null,
  sources ? null,
}:

let
  lib = import ../../lib;

  base = toString ../..;

  ofBase =
    (import ./eval-config.nix {
      inherit lib;
      system = null;
      modules = [
        {
          nixpkgs.hostPlatform = "x86_64-linux";
          fileSystems."/".device = "/dev/disk/by-label/nixos";
          system.stateVersion = lib.trivial.release;
        }
      ];
    }).options;

  # Texts come as strings, or as expressions and Markdown that say what they are.
  text = value: if builtins.isAttrs value then value.text or "" else toString value;

  relative =
    file:
    let
      name = toString file;
      below = directory: lib.hasPrefix "${directory}/" name;
    in
    if below base then
      lib.removePrefix "${base}/" name
    else if sources != null && below (toString sources) then
      lib.removePrefix "${toString sources}/" name
    else
      name;

  shown = lib.filter (
    option: option.visible && !option.internal && !(lib.hasPrefix "_module." option.name)
  ) (lib.optionAttrSetToDocList (if options == null then ofBase else options));
in
map (
  option:
  {
    inherit (option) name type readOnly;
    description = lib.trim (text (if option.description or null == null then "" else option.description));
    declarations = map relative option.declarations;
  }
  // lib.optionalAttrs (option ? default) { default = text option.default; }
  // lib.optionalAttrs (option ? example) { example = text option.example; }
) shown
