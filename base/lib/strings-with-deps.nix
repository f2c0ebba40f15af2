# Pieces of text that come after others, such as the steps of an activation script.
{ lib }:
let
  inherit (builtins) isString;
in
rec {
  # textClosureList :: { name = { deps; text; }; } -> [string] -> [string]
  # The texts of these names and of what they depend on, each once, in an order that serves.
  textClosureList =
    predefined: names:
    let
      visit =
        state: name:
        if state.done ? ${name} then
          state
        else
          let
            entry = predefined.${name};
            after = builtins.foldl' visit (state // { done = state.done // { ${name} = true; }; }) (entry.deps or [ ]);
          in
          after
          // {
            texts = after.texts ++ [ (if isString entry then entry else entry.text) ];
          };
      visitAny =
        state: name:
        # A name may be given as an entry of its own.
        if isString name then
          visit state name
        else
          let
            after = builtins.foldl' visit state name.deps;
          in
          after // { texts = after.texts ++ [ name.text ]; };
    in
    (builtins.foldl' visitAny {
      done = { };
      texts = [ ];
    } names).texts;

  # textClosureMap :: (string -> string) -> { name = entry; } -> [string] -> string
  textClosureMap = f: predefined: names: lib.concatStringsSep "\n" (map f (textClosureList predefined names));

  # noDepEntry, fullDepEntry, packEntry, stringAfter :: entries
  noDepEntry = text: {
    inherit text;
    deps = [ ];
  };
  fullDepEntry = text: deps: { inherit text deps; };
  packEntry = deps: {
    inherit deps;
    text = "";
  };
  stringAfter = deps: text: { inherit text deps; };
}
