{
  description = "A base of Debian packages with the shape of nixpkgs and the options of NixOS";

  outputs =
    { self }:
    let
      lib = (import ./lib).extend (
        final: _: {
          nixos = import ./nixos/lib { lib = final; };

          # nixosSystem :: { modules; specialArgs; system; ... } -> configuration
          nixosSystem =
            args:
            import ./nixos/lib/eval-config.nix (
              {
                lib = final;
                # Set by a module (`nixpkgs.hostPlatform`) unless it is given.
                system = null;
              }
              // args
            );
        }
      );

      # The systems that Debian has an architecture for and that hosts run on.
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "armv7l-linux"
        "riscv64-linux"
        "i686-linux"
        "powerpc64le-linux"
      ];
    in
    {
      inherit lib;

      legacyPackages = lib.genAttrs systems (system: import ./. { inherit system; });

      nixosModules = {
        # Modules that configurations name through the flake.
        notDetected = ./nixos/modules/installer/scan/not-detected.nix;
      };
    };
}
