# The outputs of derivations that a text names, each as a string with the context of its derivation alone, sorted.
#
# Whatever is built from these depends on the programs that a text names, but not on what else the text says.
{ lib }:

let
  prefix = "${builtins.storeDir}/";
  hashLength = 33; # with the hyphen behind it

  # "NAME.drv" is the derivation's name, and further outputs are called NAME-OUTPUT (nix-store's makeOutputPath).
  namesOf =
    derivation: outputs:
    let
      file = lib.removePrefix prefix derivation;
      name = lib.removeSuffix ".drv" (builtins.substring hashLength (-1) file);
    in
    map (output: if output == "out" then name else "${name}-${output}") outputs;

  # What may have made a path, by the path's name: [ { name; derivation; outputs; } ].
  makersOf =
    context:
    lib.concatLists (
      lib.mapAttrsToList (
        derivation: how:
        map (name: { inherit name derivation how; }) (namesOf derivation (how.outputs or [ ]))
      ) context
    );
in
text:
let
  makers = makersOf (builtins.getContext text);
  plain = builtins.unsafeDiscardStringContext text;
  found = lib.filter builtins.isList (
    builtins.split "${lib.escapeRegex prefix}([0-9a-df-np-sv-z]{32}-[0-9a-zA-Z+._?=-]+)" plain
  );

  # What follows a path without a space between, as the full stop of a sentence, is read as a part of its name.
  resolve =
    base:
    let
      read = builtins.substring hashLength (-1) base;
      candidates = lib.filter (maker: lib.hasPrefix maker.name read) makers;
      longest = lib.foldl' (
        best: maker: if builtins.stringLength maker.name > builtins.stringLength best then maker.name else best
      ) "" candidates;
      chosen = lib.filter (maker: maker.name == longest) candidates;
    in
    lib.optional (chosen != [ ]) (
      builtins.appendContext
        (prefix + builtins.substring 0 (hashLength + builtins.stringLength longest) base)
        (lib.listToAttrs (map (maker: lib.nameValuePair maker.derivation maker.how) chosen))
    );
in
if makers == [ ] then
  [ ]
else
  lib.sort lib.lessThan (lib.unique (lib.concatMap (match: resolve (lib.head match)) found))
