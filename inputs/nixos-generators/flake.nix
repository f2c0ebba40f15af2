{
  description = "Images of hosts by the formats of nixos-generators, made by the base's image variants";

  inputs.nixpkgs.url = "hostwright:debian";

  outputs =
    { self, nixpkgs }:
    let
      inherit (import ./formats.nix { inherit (nixpkgs) lib; }) imageOf moduleOf;
    in
    {
      # nixosGenerate :: { format, modules, system?, specialArgs?, … } -> Derivation
      nixosGenerate =
        {
          pkgs ? null,
          lib ? nixpkgs.lib,
          nixosSystem ? nixpkgs.lib.nixosSystem,
          format,
          system ? null,
          specialArgs ? { },
          modules ? [ ],
          customFormats ? { },
        }:
        if customFormats != { } then
          throw "nixosGenerate: customFormats: declare a variant of the image instead, image.modules.${nixpkgs.lib.head (nixpkgs.lib.attrNames customFormats)}"
        else
          imageOf
            (nixosSystem {
              inherit lib specialArgs;
              system = if system == null && pkgs != null then pkgs.stdenv.hostPlatform.system else system;
              modules = [ (moduleOf format) ] ++ modules ++ lib.optional (pkgs != null) { nixpkgs.pkgs = pkgs; };
            }).config
            format;

      nixosModules.all-formats = ./all-formats.nix;
    };
}
