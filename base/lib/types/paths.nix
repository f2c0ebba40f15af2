# Types of paths and packages.
{ lib, base }:
let
  inherit (builtins) isAttrs isPath isString substring;
  inherit (base) defaultFunctor mkOptionType;
  inherit (lib.options) mergeEqualOption mergeOneOption;

  isInStore =
    text:
    let
      prefix = builtins.storeDir + "/";
      length = builtins.stringLength prefix;
      rest = substring length 1 text;
    in
    substring 0 length text == prefix && rest != "" && rest != ".";

  # pathWith :: { inStore; absolute; } -> type
  # Null stands for "either".
  pathWith =
    {
      inStore ? null,
      absolute ? null,
    }:
    lib.throwIf (inStore != null && absolute != null && inStore && !absolute)
      "In pathWith, inStore means the path must be absolute"
      (mkOptionType {
        name = "path";
        description =
          (if absolute == null then "" else if absolute then "absolute " else "relative ")
          + "path"
          + (if inStore == null then "" else if inStore then " in the Nix store" else " not in the Nix store");
        descriptionClass = "noun";
        check =
          value:
          let
            # A path literal may come from outside of the store, but will be copied to it.
            text = if isPath value then toString value else "${value}";
            inside = isPath value || isInStore (toString value);
          in
          lib.isStringLike value
          && (absolute == null || (substring 0 1 (toString value) == "/") == absolute)
          && (inStore == null || (if inStore then isInStore (if isPath value then toString value else text) else !inside) );
        merge = mergeEqualOption;
        functor = defaultFunctor "path" // {
          payload = { inherit inStore absolute; };
          type = pathWith;
          binOp = a: b: if a == b then a else null;
        };
      });
in
rec {
  inherit pathWith;

  # An absolute path; a set that stands for one (a package) is fine.
  path = pathWith { absolute = true; };
  pathInStore = pathWith { inStore = true; };
  externalPath = pathWith {
    absolute = true;
    inStore = false;
  };

  # A derivation, or a path in the store.
  package = mkOptionType {
    name = "package";
    description = "package";
    descriptionClass = "noun";
    check = value: lib.isDerivation value || lib.isStorePath value;
    merge =
      loc: defs:
      let
        value = mergeOneOption loc defs;
      in
      if builtins.isPath value || (isString value && !builtins.hasContext value) then
        lib.toDerivation value
      else
        value;
  };

  # A package that is a login shell.
  shellPackage = package // {
    check = value: lib.isDerivation value && value ? shellPath;
  };

  # A package set, as nixpkgs evaluates to.
  pkgs = lib.types.addCheck (lib.types.unique { message = "A Nixpkgs pkgs set can not be merged with another pkgs set."; } lib.types.attrs // {
    name = "pkgs";
    descriptionClass = "noun";
    description = "Nixpkgs package set";
  }) (value: value._type or null == "pkgs" || value ? callPackage);

  # What `lib.fileset` works on.
  fileset = mkOptionType {
    name = "fileset";
    description = "fileset";
    descriptionClass = "noun";
    check = lib.fileset.isFileset or (value: isAttrs value && value._type or "" == "fileset");
    merge = _: defs: lib.fileset.unions (map (def: def.value) defs);
    emptyValue.value = lib.fileset.empty;
  };
}
