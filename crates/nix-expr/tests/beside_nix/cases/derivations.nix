# Derivations and the store paths that strings depend on.
with builtins;
let
  base = { name = "a"; system = "x"; builder = "/bin/sh"; };
  simple = derivation base;
  with' = attrs: (derivation (base // attrs));
  multiple = with' { outputs = [ "out" "dev" "lib-x" ]; };
  fixed = with' {
    outputHash = "0000000000000000000000000000000000000000000000000000000000000000";
    outputHashAlgo = "sha256";
  };
  structured = with' {
    __structuredAttrs = true;
    outputs = [ "out" "dev" ];
    list = [ 1 "b" { c = true; } null ];
    dep = simple;
    nested.text = "é\n\"";
  };
  text = toFile "text" "content";
in
{
  paths = map (d: [ d.drvPath d.outPath ]) [
    simple
    (with' { args = [ "-c" "echo" 1 true null [ "x" "y" ] ]; })
    (with' { env = "v"; number = 1; yes = true; no = false; nothing = null; list = [ 1 [ 2 ] "a" [ ] ]; })
    (with' { inherit simple; })
    (with' { dep = "${simple}/bin ${multiple.dev}"; })
    (with' { dep = multiple; })
    (with' { dep = simple.drvPath; })
    (with' { dep = unsafeDiscardOutputDependency simple.drvPath; })
    (with' { inherit text; })
    (with' { a = fixed; b = fixed.drvPath; })
    (with' { __ignoreNulls = true; a = null; b = 1; })
    (with' { two = [ fixed (with' { outputHash = fixed.outputHash; outputHashAlgo = "sha256"; other = 1; }) ]; })
    (with' { quoted = "a\"b\\c\nd\te\rf"; })
    fixed
    structured
    (with' { name = "b+c-1.0_x?=."; })
    (with' { outputHashMode = "recursive"; outputHashAlgo = "sha1"; outputHash = "0000000000000000000000000000000000000000"; })
    (with' { outputHash = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; outputHashMode = "recursive"; })
    (with' { outputHash = "1b8m03r63zqhnjf7l5wnldhh7c134ap5vpj0850ymkq1iyzicy5s"; outputHashAlgo = "sha256"; })
    (with' { preferLocalBuild = true; passAsFile = [ "x" ]; x = "y"; })
  ];
  outputs = map (o: [ multiple.${o}.outPath multiple.${o}.outputName multiple.${o}.type ]) [ "out" "dev" "lib-x" ];
  attributes = attrNames multiple;
  structuredOutputs = [ structured.out.outPath structured.dev.outPath ];
  sameWhenSwapped = (with' { outputs = [ "dev" "out" ]; }).outputName;
  lazyAttributes = (derivation (base // { name = throw "not needed"; })).system;
  contexts = map getContext [
    "plain"
    "${simple}"
    simple.drvPath
    text
    "${simple}${multiple.dev}${text}"
    (unsafeDiscardStringContext "${simple}")
    (unsafeDiscardOutputDependency simple.drvPath)
    (substring 0 0 "${simple}")
    (replaceStrings [ "a" ] [ "${simple}" ] "b")
    (replaceStrings [ "b" ] [ "${simple}" ] "b")
    (concatStringsSep "${simple}" [ "a" "b" ])
    (concatStringsSep "${simple}" [ ])
    (toJSON { a = simple; })
    (toXML "${simple}")
    (baseNameOf "${simple}")
    (dirOf "${simple}/x")
    (toString [ simple multiple.dev ])
    (elemAt (split "x" "${simple}") 0)
    (elemAt (split "-" "${simple}") 0)
    (head (match "(.).*" "${simple}"))
    (appendContext "x" (getContext "${simple}"))
    (appendContext "x" { ${unsafeDiscardStringContext simple.drvPath} = { allOutputs = true; }; })
    (appendContext "${simple}" { ${unsafeDiscardStringContext text} = { path = true; }; })
  ];
  haveContext = map hasContext [ "a" "${simple}" (hashString "sha256" "${simple}") simple.drvPath ];
  references = [
    (toFile "refers" "to ${text}")
    (toFile "plain" "")
  ];
  equal = [ (simple == derivation base) (simple == multiple) ];
}
