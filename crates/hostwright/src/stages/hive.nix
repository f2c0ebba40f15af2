# A colmena hive as hosts: an attribute set that has for each node what
# `nixosConfigurations` has, `config`, `options` and `pkgs`.
#
# deployment: the module with the options `deployment.*`; hive: `meta`,
# `defaults` and the nodes.
deployment: hive:

let
  inherit (builtins)
    attrNames
    elem
    filter
    isFunction
    listToAttrs
    pathExists
    ;

  meta = hive.meta or hive.network or { };
  isNode =
    name:
    !(elem name [
      "meta"
      "network"
      "defaults"
    ]);

  packagesOf =
    name:
    let
      found =
        meta.nodeNixpkgs.${name} or meta.nixpkgs
          or (throw "the hive does not say which nixpkgs '${name}' is made of: set meta.nixpkgs");
    in
    if isFunction found then
      found { }
    else if found ? path && found ? lib then
      found
    else
      import found { };

  node =
    name:
    let
      pkgs = packagesOf name;
      inherit (pkgs) lib;
      # The Debian base has the options itself.
      hasOptions = pathExists (pkgs.path + "/nixos/modules/misc/deployment.nix");
    in
    import (pkgs.path + "/nixos/lib/eval-config.nix") {
      inherit (pkgs.stdenv.hostPlatform) system;
      inherit lib;
      specialArgs =
        (meta.specialArgs or { })
        // (meta.nodeSpecialArgs.${name} or { })
        // {
          inherit name nodes;
        };
      modules = [
        (hive.defaults or { })
        hive.${name}
        {
          networking.hostName = lib.mkDefault name;
          deployment.targetHost = lib.mkDefault name;
          nixpkgs.overlays = lib.mkBefore (pkgs.overlays or [ ]);
        }
      ]
      ++ lib.optional (!hasOptions) deployment;
    };

  nodes = listToAttrs (
    map (name: {
      inherit name;
      value = node name;
    }) (filter isNode (attrNames hive))
  );
in
nodes
