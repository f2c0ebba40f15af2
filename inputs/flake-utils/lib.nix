# Functions over the systems of a flake. The names and arguments are those of flake-utils.
{ defaultSystems }:

let
  inherit (builtins)
    attrNames
    concatMap
    foldl'
    isAttrs
    listToAttrs
    mapAttrs
    ;

  allSystems = [
    "aarch64-darwin"
    "aarch64-linux"
    "armv6l-linux"
    "armv7l-linux"
    "i686-linux"
    "powerpc64le-linux"
    "riscv64-linux"
    "x86_64-darwin"
    "x86_64-linux"
  ];

  system = listToAttrs (
    map (name: {
      inherit name;
      value = name;
    }) allSystems
  );

  # eachSystemPassThrough :: [ String ] -> (String -> AttrSet) -> AttrSet
  # The sets of all systems, one over the other.
  eachSystemPassThrough = systems: f: foldl' (before: system: before // f system) { } systems;

  # eachSystem :: [ String ] -> (String -> { NAME }) -> { NAME.SYSTEM }
  eachSystem =
    systems: f:
    foldl' (
      before: system:
      before
      // mapAttrs (
        name: value:
        # Jobs of Hydra have their system innermost.
        if name == "hydraJobs" then
          pushDown system (before.hydraJobs or { }) value
        else
          (before.${name} or { }) // { ${system} = value; }
      ) (f system)
    ) { } systems;

  pushDown =
    system: before: jobs:
    before
    // mapAttrs (
      name: job:
      if isAttrs job && job.type or null != "derivation" then
        pushDown system (before.${name} or { }) job
      else
        (before.${name} or { }) // { ${system} = job; }
    ) jobs;

  # eachSystemMap :: [ String ] -> (String -> Any) -> { SYSTEM }
  eachSystemMap =
    systems: f:
    listToAttrs (
      map (system: {
        name = system;
        value = f system;
      }) systems
    );

  # flattenTree :: AttrSet -> AttrSet
  # Packages in nested sets that say `recurseForDerivations`, as "outer/inner".
  flattenTree =
    tree:
    let
      walk =
        prefix: set:
        concatMap (
          name:
          let
            found = builtins.tryEval set.${name};
            value = found.value;
            path = prefix + name;
          in
          if !found.success || !isAttrs value then
            [ ]
          else if value.type or null == "derivation" then
            [
              {
                name = path;
                inherit value;
              }
            ]
          else if value.recurseForDerivations or false then
            walk "${path}/" value
          else
            [ ]
        ) (attrNames set);
    in
    listToAttrs (walk "" tree);

  # filterPackages :: String -> AttrSet -> AttrSet
  # Those that are not broken and are for the system.
  filterPackages =
    system: packages:
    listToAttrs (
      concatMap (
        name:
        let
          package = packages.${name};
          platforms = package.meta.hydraPlatforms or package.meta.platforms or [ ];
          fits =
            isAttrs package
            && package.type or null == "derivation"
            && !(package.meta.broken or false)
            && (platforms == [ ] || builtins.elem system platforms);
        in
        if fits then
          [
            {
              inherit name;
              value = package;
            }
          ]
        else
          [ ]
      ) (attrNames packages)
    );

  # mkApp :: { drv, name?, exePath? } -> App
  mkApp =
    {
      drv,
      name ? drv.pname or drv.name,
      exePath ? drv.passthru.exePath or "/bin/${name}",
    }:
    {
      type = "app";
      program = "${drv}${exePath}";
    };

  # meld :: AttrSet -> [ Path ] -> AttrSet
  # The outputs of several files, each a function of the inputs.
  meld =
    inputs: files:
    let
      join =
        one: other:
        one
        // mapAttrs (
          name: value:
          if isAttrs value && isAttrs (one.${name} or null) && value.type or null != "derivation" then
            join one.${name} value
          else
            value
        ) other;
    in
    foldl' join { } (map (file: import file inputs) files);

  # simpleFlake :: { self, nixpkgs, name, ... } -> Outputs
  # A flake that is one overlay with a set of packages of its own name.
  simpleFlake =
    {
      self,
      nixpkgs,
      name ? null,
      overlay ? null,
      config ? { },
      shell ? null,
      preOverlays ? [ ],
      systems ? defaultSystems,
    }:
    let
      load = value: if builtins.isFunction value then value else import value;
      own = if overlay == null then (_: _: { }) else load overlay;
    in
    eachSystem systems (
      system:
      let
        pkgs = import nixpkgs {
          inherit config system;
          overlays = preOverlays ++ [ own ];
        };
        packages = pkgs.${name} or { };
      in
      {
        inherit packages;
        legacyPackages = packages;
      }
      // (if packages ? checks then { checks = flattenTree packages.checks; } else { })
      // (if packages ? defaultPackage then { inherit (packages) defaultPackage; } else { })
      // (if shell == null then { } else { devShell = load shell { inherit pkgs; }; })
    )
    // {
      overlays.default = own;
    };
in
{
  inherit
    allSystems
    defaultSystems
    eachSystem
    eachSystemMap
    eachSystemPassThrough
    filterPackages
    flattenTree
    meld
    mkApp
    simpleFlake
    system
    ;
  eachDefaultSystem = eachSystem defaultSystems;
  eachDefaultSystemMap = eachSystemMap defaultSystems;
  eachDefaultSystemPassThrough = eachSystemPassThrough defaultSystems;
}
