# Fixed points and the overlays that extend them.
{ lib }:
rec {
  # fix :: (a -> a) -> a
  # The least fixed point: `fix (self: { a = 1; b = self.a; })` is `{ a = 1; b = 1; }`.
  fix =
    f:
    let
      result = f result;
    in
    result;

  # fix' :: (set -> set) -> set
  # As `fix`, and keeps the function under `__unfix__`.
  fix' =
    f:
    let
      result = f result // {
        __unfix__ = f;
      };
    in
    result;

  # converge :: (a -> a) -> a -> a
  # Applies `f` until the value no longer changes.
  converge =
    f: value:
    let
      next = f value;
    in
    if next == value then value else converge f next;

  # extends :: overlay -> (set -> set) -> (set -> set)
  # An overlay is `final: prev: changes`.
  extends =
    overlay: f: final:
    let
      prev = f final;
    in
    prev // overlay final prev;

  # composeExtensions :: overlay -> overlay -> overlay
  # The second overlay sees the changes of the first.
  composeExtensions =
    first: second: final: prev:
    let
      changes = first final prev;
    in
    changes // second final (prev // changes);

  # composeManyExtensions :: [overlay] -> overlay
  composeManyExtensions = overlays: lib.foldr composeExtensions (_: _: { }) overlays;

  # makeExtensible :: (set -> set) -> set
  # The fixed point with a method `extend` that takes an overlay.
  makeExtensible = makeExtensibleWithCustomName "extend";

  # makeExtensibleWithCustomName :: string -> (set -> set) -> set
  makeExtensibleWithCustomName =
    extenderName: f:
    fix' (
      self:
      f self
      // {
        ${extenderName} = overlay: makeExtensibleWithCustomName extenderName (extends overlay f);
      }
    );

  # toExtension :: (overlay | (set -> set) | set) -> overlay
  # Accepts the three ways in which people write changes.
  toExtension =
    changes: final: prev:
    if !lib.isFunction changes then
      changes
    else
      let
        applied = changes prev;
      in
      if lib.isFunction applied then changes final prev else applied;
}
