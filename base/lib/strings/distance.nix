# How far strings are from each other (Levenshtein's distance).
{ lib }:
let
  inherit (builtins)
    elemAt
    foldl'
    genList
    length
    stringLength
    substring
    ;
in
rec {
  # levenshtein :: string -> string -> int
  # Row by row over the table of distances, each row a forced list.
  levenshtein =
    a: b:
    let
      aLength = stringLength a;
      bLength = stringLength b;
      bCharacters = genList (j: substring j 1 b) bLength;
      nextRow =
        row: i:
        let
          character = substring i 1 a;
          cells =
            foldl'
              (
                state: bCharacter:
                let
                  n = state.n;
                  diagonal = elemAt row n + (if bCharacter == character then 0 else 1);
                  above = elemAt row (n + 1) + 1;
                  left = state.left + 1;
                  cell = lib.min diagonal (lib.min above left);
                in
                builtins.seq cell {
                  n = n + 1;
                  left = cell;
                  row = state.row ++ [ cell ];
                }
              )
              {
                n = 0;
                left = i + 1;
                row = [ (i + 1) ];
              }
              bCharacters;
        in
        cells.row;
      rows = foldl' nextRow (genList (j: j) (bLength + 1)) (genList (i: i) aLength);
    in
    if a == b then 0 else elemAt rows (length rows - 1);

  # levenshteinAtMost :: int -> string -> string -> bool
  # Cheap bounds first: the difference of lengths is a lower bound.
  levenshteinAtMost =
    limit: a: b:
    let
      difference = stringLength a - stringLength b;
      atLeast = if difference < 0 then -difference else difference;
    in
    atLeast <= limit && levenshtein a b <= limit;
}
