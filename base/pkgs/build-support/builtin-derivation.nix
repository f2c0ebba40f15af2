# A derivation for one of the program's own builders. Its attributes reach the
# builder as JSON, so lists and sets keep their structure.
{ lib }:

{
  name,
  # Which builder, without the prefix: "make-tree".
  builder,
  # What the builder reads.
  attributes ? { },
  # What the value carries besides, outside the derivation.
  passthru ? { },
  meta ? { },
}:

lib.extendDerivation true
  (
    {
      inherit name meta passthru;
    }
    // passthru
  )
  (
    derivation (
      attributes
      // {
        inherit name;
        builder = "builtin:${builder}";
        system = "builtin";
        outputs = [ "out" ];
        __structuredAttrs = true;
      }
    )
  )
