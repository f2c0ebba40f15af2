# Information that modules carry about themselves.
{ lib, ... }:

{
  options.meta = {
    maintainers = lib.mkOption {
      type = lib.types.listOf lib.types.unspecified;
      internal = true;
      default = [ ];
      description = "The people who look after a module.";
    };
    doc = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      internal = true;
      default = null;
      description = "A chapter of documentation that belongs to a module.";
    };
    buildDocsInSandbox = lib.mkOption {
      type = lib.types.bool;
      internal = true;
      default = true;
      description = "Whether a module's options can be documented without evaluating the whole system.";
    };
  };
}
