# What flakes make with the inputs of the program: evaluates to [ ] when all cases hold.
#
#   nix-instantiate --eval --strict base/tests/inputs/cases.nix
let
  lib = import ../../lib;
  systems = import ../../../inputs/systems;
  utils = import ../../../inputs/flake-utils/lib.nix { defaultSystems = systems; };
  parts = import ../../../inputs/flake-parts/lib.nix { inherit lib; };

  package =
    name: system:
    derivation {
      inherit name system;
      builder = "builtin:write-file";
    };

  nixpkgs.legacyPackages = lib.genAttrs systems (system: {
    inherit system;
    hello = package "hello" system;
  });

  flake =
    module:
    let
      self = outputs // {
        outPath = "/flake";
        inputs = { inherit nixpkgs; };
      };
      outputs = parts.mkFlake {
        inputs = { inherit nixpkgs self; };
      } module;
    in
    outputs;

  sample = flake (
    { withSystem, ... }:
    {
      inherit systems;
      perSystem =
        { pkgs, self', inputs', system, config, ... }:
        {
          packages.default = pkgs.hello;
          packages.same = inputs'.nixpkgs.legacyPackages.hello;
          checks.own = self'.packages.default;
          apps.hello = {
            program = "/bin/${config.packages.default.name}-${system}";
          };
        };
      flake = {
        nixosModules.host = { };
        nixosConfigurations = lib.mkIf true { host.marker = withSystem "x86_64-linux" ({ system, ... }: system); };
        other = 1;
      };
    }
  );
in
lib.runTests {
  testEachSystem = {
    expr = utils.eachSystem [ "a" "b" ] (system: { packages.x = system; });
    expected.packages = {
      a.x = "a";
      b.x = "b";
    };
  };
  testEachDefaultSystem = {
    expr = lib.attrNames (utils.eachDefaultSystem (system: { checks = system; })).checks;
    expected = systems;
  };
  testHydraJobs = {
    expr = utils.eachSystem [ "a" ] (_: { hydraJobs.deep.job = 1; });
    expected.hydraJobs.deep.job.a = 1;
  };
  testMkApp = {
    expr =
      (utils.mkApp {
        drv = {
          pname = "hello";
          outPath = "/x";
        };
      }).program;
    expected = "/x/bin/hello";
  };
  testFlattenTree = {
    expr = lib.attrNames (
      utils.flattenTree {
        one = package "one" "a";
        set = {
          recurseForDerivations = true;
          two = package "two" "a";
        };
        hidden.three = package "three" "a";
      }
    );
    expected = [
      "one"
      "set/two"
    ];
  };
  testPerSystem = {
    expr = lib.mapAttrs (_: packages: packages.default.system) sample.packages;
    expected = {
      aarch64-linux = "aarch64-linux";
      x86_64-linux = "x86_64-linux";
    };
  };
  testInputsOfASystem = {
    expr = sample.packages.x86_64-linux.same.drvPath == sample.checks.x86_64-linux.own.drvPath;
    expected = true;
  };
  testApp = {
    expr = sample.apps.aarch64-linux.hello;
    expected = {
      type = "app";
      program = "/bin/hello-aarch64-linux";
      meta = { };
    };
  };
  testOutputs = {
    expr = {
      inherit (sample) other;
      inherit (sample.nixosConfigurations.host) marker;
      module = sample.nixosModules ? host;
    };
    expected = {
      other = 1;
      marker = "x86_64-linux";
      module = true;
    };
  };
}
