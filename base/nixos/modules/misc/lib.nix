# Functions that a configuration gives to its own modules as `config.lib`.
{ lib, ... }:

{
  options.lib = lib.mkOption {
    default = { };
    type = lib.types.attrsOf lib.types.attrs;
    description = "Functions and values for the modules of a configuration to share.";
  };
}
