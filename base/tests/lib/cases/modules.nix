{ lib }:
let
  inherit (lib)
    evalModules
    mkOption
    mkIf
    mkMerge
    mkForce
    mkDefault
    mkOptionDefault
    mkBefore
    mkAfter
    types
    ;
  config = modules: (evalModules { inherit modules; }).config;
  int = name: { options.${name} = mkOption { type = types.int; }; };
  list = { options.l = mkOption { type = types.listOf types.str; default = [ ]; }; };
  # Warnings and assertions as the options of a system.
  reports = {
    options = {
      warnings = mkOption { type = types.listOf types.str; default = [ ]; };
      assertions = mkOption { type = types.listOf types.unspecified; default = [ ]; };
    };
  };
in
{
  testPriorities = {
    expr = map (defs: (config ([ (int "a") ] ++ map (a: { inherit a; }) defs)).a) [
      [ (mkDefault 1) 2 ]
      [ 2 (mkForce 3) ]
      [ (mkOptionDefault 1) (mkDefault 2) ]
      [ (lib.mkVMOverride 5) (mkForce 3) ]
      [ (lib.mkImageMediaOverride 4) 3 ]
      [ (lib.mkOverride 90 7) 3 ]
    ];
    expected = [ 2 3 2 5 4 7 ];
  };
  testLosersAreNotEvaluated = {
    expr =
      (config [
        { options.a = mkOption { type = types.int; default = throw "default"; }; }
        { a = mkDefault (throw "weaker"); }
        { a = 1; }
      ]).a;
    expected = 1;
  };
  testForcedFalseConditionFallsBack = {
    expr = (config [ (int "a") { a = 1; } { a = mkForce (mkIf false 2); } ]).a;
    expected = 1;
  };
  testOrder = {
    expr =
      (config [
        list
        { l = mkAfter [ "z" ]; }
        { l = [ "m" ]; }
        { l = mkBefore [ "a" ]; }
        { l = lib.mkOrder 1400 [ "y" ]; }
      ]).l;
    expected = [ "a" "m" "y" "z" ];
  };
  testConditions = {
    expr =
      (config [
        (int "a")
        list
        (
          { config, ... }:
          {
            config = mkMerge [
              { a = 1; }
              (mkIf (config.a == 1) { l = mkIf (config.a > 0) [ "yes" ]; })
              (mkIf (config.a == 2) { l = [ "no" ]; })
            ];
          }
        )
      ]).l;
    expected = [ "yes" ];
  };
  testForceOnSet = {
    expr = (config [ { options.s.b = mkOption { default = 1; }; options.s.a = mkOption { }; config.s.a = 1; } { s = mkForce { a = 2; }; } ]).s;
    expected = {
      a = 2;
      b = 1;
    };
  };
  testSubmodules = {
    expr =
      (config [
        {
          options.hosts = mkOption {
            type = types.attrsOf (
              types.submodule (
                { name, config, ... }:
                {
                  options = {
                    hostName = mkOption { type = types.str; default = name; };
                    fqdn = mkOption { type = types.str; };
                  };
                  config.fqdn = mkDefault "${config.hostName}.example.org";
                }
              )
            );
          };
        }
        {
          hosts.alpha = { };
          hosts.beta.hostName = "b";
        }
        { hosts.beta.fqdn = "b.test"; }
      ]).hosts;
    expected = {
      alpha = {
        hostName = "alpha";
        fqdn = "alpha.example.org";
      };
      beta = {
        hostName = "b";
        fqdn = "b.test";
      };
    };
  };
  testSubmoduleDeclaredTwice = {
    expr =
      (config [
        { options.s = mkOption { type = types.submodule { options.a = mkOption { default = 1; }; }; }; }
        { options.s = mkOption { type = types.submodule { options.b = mkOption { default = 2; }; }; }; }
        { options.s.c = mkOption { default = 3; }; }
      ]).s;
    expected = {
      a = 1;
      b = 2;
      c = 3;
    };
  };
  testSubmoduleWithArguments = {
    expr =
      (config [
        {
          options.s = mkOption {
            type = types.submoduleWith {
              specialArgs.extra = 5;
              modules = [ ({ extra, ... }: { options.a = mkOption { default = extra; }; }) ];
            };
          };
        }
      ]).s.a;
    expected = 5;
  };
  testDeferredModule = {
    expr =
      (config [
        (
          { config, ... }:
          {
            options.defaults = mkOption { type = types.deferredModule; default = { }; };
            options.nodes = mkOption {
              type = types.attrsOf (types.submodule { imports = [ config.defaults ]; options.a = mkOption { type = types.int; }; });
            };
          }
        )
        { defaults.a = mkDefault 1; }
        {
          nodes.x = { };
          nodes.y.a = 2;
        }
      ]).nodes;
    expected = {
      x.a = 1;
      y.a = 2;
    };
  };
  testArguments = {
    expr =
      (evalModules {
        specialArgs.special = 1;
        modules = [
          (int "a")
          ({ special, named, ... }: { a = special + named; })
          { _module.args.named = 10; }
        ];
      }).config.a;
    expected = 11;
  };
  testExtendModules = {
    expr =
      let
        first = evalModules { modules = [ (int "a") { a = mkDefault 1; } ]; };
        second = first.extendModules { modules = [ { a = 2; } ]; };
      in
      [ first.config.a second.config.a (second.extendModules { modules = [ { a = mkForce 3; } ]; }).config.a ];
    expected = [ 1 2 3 ];
  };
  testTypeOfEvaluation = {
    expr =
      (config [
        { options.nested = mkOption { inherit (evalModules { modules = [ (int "a") ]; }) type; }; }
        { nested.a = 4; }
      ]).nested.a;
    expected = 4;
  };
  testImports = {
    expr =
      let
        keyed = {
          key = "once";
          l = [ "keyed" ];
        };
      in
      (config [
        list
        { imports = [ keyed { imports = [ keyed ]; l = [ "inner" ]; } ]; }
      ]).l;
    expected = [ "inner" "keyed" ];
  };
  testImportOrder = {
    expr = (config [ list { imports = [ { l = [ "imported" ]; } ]; l = [ "importing" ]; } ]).l;
    expected = [ "imported" "importing" ];
  };
  testCyclicImports = {
    expr =
      let
        a = {
          key = "a";
          imports = [ b ];
          l = [ "a" ];
        };
        b = {
          key = "b";
          imports = [ a ];
          l = [ "b" ];
        };
      in
      (config [ list a ]).l;
    expected = [ "b" "a" ];
  };
  testDisabledModules = {
    expr =
      (config [
        list
        { imports = [ { key = "off"; l = [ "disabled" ]; } ]; l = [ "kept" ]; }
        { disabledModules = [ { key = "off"; } ]; }
      ]).l;
    expected = [ "kept" ];
  };
  testFreeform = {
    expr =
      (config [
        {
          freeformType = types.attrsOf types.int;
          options.declared = mkOption { type = types.str; default = "d"; };
        }
        { other = 1; }
        { more = mkDefault 2; }
      ]);
    expected = {
      declared = "d";
      other = 1;
      more = 2;
    };
  };
  testFreeformNested = {
    expr =
      (config [
        {
          options.s = mkOption {
            type = types.submodule {
              freeformType = types.attrsOf types.anything;
              options.known = mkOption { default = 1; };
            };
          };
        }
        { s.unknown.deep = true; }
      ]).s;
    expected = {
      known = 1;
      unknown.deep = true;
    };
  };
  testUncheckedModules = {
    expr = config [ (int "a") { _module.check = false; a = 1; b = 2; } ];
    expected.a = 1;
  };
  testApply = {
    expr = (config [ { options.a = mkOption { type = types.int; apply = x: x * 2; }; config.a = 4; } ]).a;
    expected = 8;
  };
  testReadOnly = {
    expr = (config [ { options.a = mkOption { readOnly = true; default = 1; }; } ]).a;
    expected = 1;
  };
  testOptionInformation = {
    expr =
      let
        inherit (evalModules { modules = [ list { _file = "f.nix"; l = mkForce [ "x" ]; } ]; }) options;
      in
      [ options.l.isDefined options.l.highestPrio options.l.files options.l.loc "${options.l}" ];
    expected = [ true 50 [ "f.nix" ] [ "l" ] "l" ];
  };
  testClass = {
    expr = [
      (evalModules { class = "nixos"; modules = [ ]; }).class
      (builtins.tryEval (evalModules {
        class = "nixos";
        modules = [ { _class = "darwin"; } ];
      }).config).success
    ];
    expected = [ "nixos" false ];
  };
  testRename = {
    expr =
      let
        c = config [
          reports
          (int "new")
          (lib.mkRenamedOptionModule [ "old" ] [ "new" ])
          {
            _file = "user.nix";
            old = mkForce 5;
          }
          { new = 1; }
        ];
      in
      [ c.new c.warnings ];
    expected = [
      5
      [ "The option `old' defined in `user.nix' has been renamed to `new'." ]
    ];
  };
  testAlias = {
    expr =
      let
        c = config [ reports (lib.mkAliasOptionModule [ "x" ] [ "a" "b" ]) { x = 3; } { options.a.b = mkOption { type = types.int; }; } ];
      in
      [ c.x c.a.b c.warnings ];
    expected = [ 3 3 [ ] ];
  };
  testRemoved = {
    expr =
      let
        evaluate = modules: (config ([ reports (lib.mkRemovedOptionModule [ "gone" ] "Use `kept'.") ] ++ modules)).assertions;
      in
      [
        (map (a: a.assertion) (evaluate [ ]))
        (map (a: lib.hasInfix "Use `kept'." a.message) (evaluate [ { gone = 1; } ]))
        (map (a: a.assertion) (evaluate [ { gone = 1; } ]))
      ];
    expected = [ [ true ] [ true ] [ false ] ];
  };
  testChanged = {
    expr =
      let
        c = config [
          reports
          { options.new = mkOption { type = types.str; default = "none"; }; }
          (lib.mkChangedOptionModule [ "old" ] [ "new" ] (c: "from ${toString c.old}"))
          { old = 5; }
        ];
      in
      [ c.new (lib.length c.warnings) ];
    expected = [ "from 5" 1 ];
  };
  testMergedOptions = {
    expr =
      let
        c = config [
          reports
          { options.sum = mkOption { type = types.int; default = 0; }; }
          (lib.mkMergedOptionModule [ [ "a" ] [ "b" ] ] [ "sum" ] (c: c.a + c.b))
          { a = 1; b = 2; }
        ];
      in
      c.sum;
    expected = 3;
  };
  testAliasDefinitions = {
    expr =
      (config [
        list
        (
          { options, ... }:
          {
            options.copy = mkOption { type = types.listOf types.str; };
            config.copy = lib.mkAliasDefinitions options.l;
          }
        )
        { l = [ "x" ]; }
      ]).copy;
    expected = [ "x" ];
  };
  testDefinitionFile = {
    expr =
      (evalModules {
        modules = [ list { l = lib.mkDefinition { file = "elsewhere.nix"; value = [ "x" ]; }; } ];
      }).options.l.files;
    expected = [ "elsewhere.nix" ];
  };
  testCheckAssertWarn = {
    expr = [
      (lib.asserts.checkAssertWarn [ { assertion = true; message = ""; } ] [ ] 1)
      (builtins.tryEval (lib.asserts.checkAssertWarn [ { assertion = false; message = "no"; } ] [ ] 1)).success
    ];
    expected = [ 1 false ];
  };
}
