{ lib }:
let
  inherit (lib) mkOption types;
  pkgs.hello = {
    type = "derivation";
    name = "hello-1";
  };
  documentation = modules: builtins.filter (o: !o.internal && lib.head o.loc != "_module") (
    lib.optionAttrSetToDocList (lib.evalModules { inherit modules; }).options
  );
in
{
  testMkEnableOption = {
    expr = removeAttrs (lib.mkEnableOption "the service") [ "type" ];
    expected = {
      _type = "option";
      default = false;
      description = "Whether to enable the service.";
      example = true;
    };
  };
  testMkPackageOption = {
    expr =
      let
        option = lib.mkPackageOption pkgs "hello" { nullable = true; };
      in
      [ option.default.name option.defaultText.text option.type.description option.description ];
    expected = [ "hello-1" "pkgs.hello" "null or package" "The hello package to use." ];
  };
  testShowOption = {
    expr = map lib.showOption [
      [ "a" "b" ]
      [ "a" "b c" ]
      [ "users" "<name>" "x" ]
      [ "list" "*" ]
    ];
    expected = [ "a.b" "a.\"b c\"" "users.<name>.x" "list.*" ];
  };
  testDocumentation = {
    expr = map (o: [ o.name o.type (o.default.text or null) o.description ]) (documentation [
      {
        options.users = mkOption {
          default = { };
          description = "Accounts.";
          type = types.attrsOf (types.submodule { options.uid = mkOption { type = types.int; description = "Number."; }; });
        };
        options.hidden = mkOption { internal = true; };
        options.text = mkOption { type = types.str; default = throw "unused"; defaultText = lib.literalExpression "config.x"; description = "T."; };
      }
    ]);
    expected = [
      [ "text" "string" "config.x" "T." ]
      [ "users" "attribute set of (submodule)" "{ }" "Accounts." ]
      [ "users.<name>.uid" "signed integer" null "Number." ]
    ];
  };
  testDeclarationPositions = {
    expr =
      let
        inherit (lib.evalModules { modules = [ ../data/option.nix ]; }) options;
        position = lib.head options.here.declarationPositions;
      in
      [ (baseNameOf position.file) position.line (map baseNameOf options.here.declarations) ];
    expected = [ "option.nix" 4 [ "option.nix" ] ];
  };
  testSink = {
    expr =
      (lib.evalModules {
        modules = [ { options.a = lib.mkSinkUndeclaredOptions { }; config.a = 5; } { options.b = mkOption { default = 1; }; } ];
      }).config.b;
    expected = 1;
  };
}
