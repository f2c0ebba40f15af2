# A small system: no documentation, nothing that is not asked for.
{ lib, ... }:

{
  documentation = {
    enable = lib.mkDefault false;
    doc.enable = lib.mkDefault false;
    info.enable = lib.mkDefault false;
    man.enable = lib.mkDefault false;
  };

  environment.defaultPackages = lib.mkDefault [ ];
  programs.bash.completion.enable = lib.mkDefault false;
}
