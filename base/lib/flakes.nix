# Flakes from code that is none.
{ lib }:
{
  # parseFlakeRef :: string -> set; flakeRefToString :: set -> string
  # Of evaluators that have them.
  parseFlakeRef =
    builtins.parseFlakeRef or (_: throw "this evaluator has no builtins.parseFlakeRef");
  flakeRefToString =
    builtins.flakeRefToString or (_: throw "this evaluator has no builtins.flakeRefToString");

  # callLocklessFlake :: { outPath; ... } -> flake
  # A flake in a folder, without its inputs.
  callLocklessFlake =
    source:
    let
      flake = import (source.outPath + "/flake.nix");
      outputs = flake.outputs { inherit self; };
      self = outputs // source // {
        inherit outputs;
        inputs = { };
        _type = "flake";
        sourceInfo = source;
      };
    in
    self;
}
