# Derivations that are evaluated as late as possible.
{ lib }:
{
  # lazyDerivation :: { derivation; meta; passthru; outputs; } -> derivation
  # Its attributes are known before the derivation itself is evaluated.
  lazyDerivation =
    {
      derivation ? throw "lazyDerivation needs `derivation'",
      meta ? null,
      passthru ? { },
      outputs ? [ "out" ],
    }@arguments:
    let
      checked =
        if derivation.type or null != "derivation" then
          throw "lazyDerivation: input must be a derivation."
        else if outputs != derivation.outputs then
          throw "lib.lazyDerivation: `outputs` were ${builtins.toJSON outputs}, but the derivation has ${builtins.toJSON derivation.outputs}."
        else
          derivation;
    in
    {
      type = "derivation";
      inherit outputs;
      inherit (checked)
        name
        drvPath
        outPath
        outputName
        ;
      system = checked.system;
      meta = if arguments ? meta then meta else checked.meta or { };
    }
    // lib.genAttrs outputs (name: checked.${name})
    // passthru;

  # optionalDrvAttr :: bool -> a -> (a | null)
  optionalDrvAttr = condition: value: if condition then value else null;

  # warnOnInstantiate :: string -> derivation -> derivation
  warnOnInstantiate =
    message: drv:
    let
      lazy = removeAttrs drv [
        "meta"
        "name"
        "type"
        "outputName"
      ];
    in
    drv // builtins.mapAttrs (_: lib.warn message) lazy;
}
