//! Expressions grown from bytes: well formed, but of any types, so that builtins meet arguments that they do not expect.

use crate::input::Input;

/// Variables that are bound everywhere.
const VARIABLES: &[&str] = &["a", "b", "f", "s", "xs"];

const LITERALS: &[&str] = &[
    "0",
    "1",
    "(-1)",
    "2",
    "7",
    "3.5",
    "(-0.0)",
    "1.0e300",
    "9223372036854775807",
    "(-9223372036854775807 - 1)",
    "true",
    "false",
    "null",
    "\"\"",
    "\"a\"",
    "\"b-1.2pre\"",
    "\"\\n${\"x\"}\"",
    "\"é\"",
    "''\n  two\n    lines\n''",
    "[ ]",
    "[ 1 2 3 ]",
    "[ \"a\" null ]",
    "{ }",
    "{ a = 1; }",
    "rec { a = b; b = 2; }",
    "{ outPath = \"/x\"; }",
    "{ __toString = self: \"s\"; }",
    "{ __functor = self: x: x; }",
    "{ type = \"derivation\"; outPath = \"o\"; }",
    "{ name = \"n\"; value = 1; }",
    "{ success = true; }",
    "/a/b",
    "/.",
    "<nix/fetchurl.nix>",
    "http://a.b/c",
    "(x: x)",
    "({ a, b ? a, ... }@all: all)",
    "(_: throw \"t\")",
    "(abort \"a\")",
    "(throw \"t\")",
    "__curPos",
    "\"sha256\"",
    "\"[a-z]*(b)?\"",
    "\"%s/../x\"",
    "(derivation { name = \"d\"; system = \"s\"; builder = \"b\"; })",
    "(builtins.toFile \"t\" \"text\")",
    "\"{\\\"a\\\":[1,2.5,null]}\"",
];

/// Builtins that neither read files nor fetch, with the number of their arguments.
const BUILTINS: &[(&str, usize)] = &[
    ("abort", 1),
    ("add", 2),
    ("addErrorContext", 2),
    ("all", 2),
    ("any", 2),
    ("appendContext", 2),
    ("attrNames", 1),
    ("attrValues", 1),
    ("baseNameOf", 1),
    ("bitAnd", 2),
    ("bitOr", 2),
    ("bitXor", 2),
    ("catAttrs", 2),
    ("ceil", 1),
    ("compareVersions", 2),
    ("concatLists", 1),
    ("concatMap", 2),
    ("concatStringsSep", 2),
    ("convertHash", 1),
    ("deepSeq", 2),
    ("derivation", 1),
    ("derivationStrict", 1),
    ("dirOf", 1),
    ("div", 2),
    ("elem", 2),
    ("elemAt", 2),
    ("filter", 2),
    ("floor", 1),
    ("foldl'", 3),
    ("fromJSON", 1),
    ("fromTOML", 1),
    ("functionArgs", 1),
    ("genericClosure", 1),
    ("getAttr", 2),
    ("getContext", 1),
    ("groupBy", 2),
    ("hasAttr", 2),
    ("hasContext", 1),
    ("hashString", 2),
    ("head", 1),
    ("intersectAttrs", 2),
    ("isAttrs", 1),
    ("isBool", 1),
    ("isFloat", 1),
    ("isFunction", 1),
    ("isInt", 1),
    ("isList", 1),
    ("isNull", 1),
    ("isPath", 1),
    ("isString", 1),
    ("length", 1),
    ("lessThan", 2),
    ("listToAttrs", 1),
    ("map", 2),
    ("mapAttrs", 2),
    ("match", 2),
    ("mul", 2),
    ("parseDrvName", 1),
    ("partition", 2),
    ("placeholder", 1),
    ("removeAttrs", 2),
    ("replaceStrings", 3),
    ("seq", 2),
    ("sort", 2),
    ("split", 2),
    ("splitVersion", 1),
    ("stringLength", 1),
    ("sub", 2),
    ("substring", 3),
    ("tail", 1),
    ("throw", 1),
    ("toFile", 2),
    ("toJSON", 1),
    ("toString", 1),
    ("toXML", 1),
    ("trace", 2),
    ("tryEval", 1),
    ("typeOf", 1),
    ("unsafeDiscardStringContext", 1),
    ("unsafeGetAttrPos", 2),
    ("zipAttrsWith", 2),
    ("addDrvOutputDependencies", 1),
    ("unsafeDiscardOutputDependency", 1),
    ("genList", 2),
    ("outputOf", 2),
    ("storePath", 1),
    ("parseFlakeRef", 1),
    ("flakeRefToString", 1),
    ("traceVerbose", 2),
    ("warn", 2),
    ("scopedImport", 2),
];

const OPERATORS: &[&str] =
    &["+", "-", "*", "/", "<", "<=", ">", ">=", "==", "!=", "&&", "||", "->", "//", "++"];

/// Bindings around every expression.
const SCOPE: &str = "let a = 1; b = { inherit a; c.d = [ b ]; }; f = x: y: x; s = \"s\"; xs = [ 3 1 2 ]; in ";

/// A whole expression.
pub fn grow(bytes: &[u8]) -> String {
    let mut grower = Grower { input: Input::new(bytes), budget: 60 };
    let mut text = SCOPE.to_owned();
    grower.expression(&mut text, 7);
    text
}

struct Grower<'b> {
    input: Input<'b>,
    /// Expressions that may still be made.
    budget: usize,
}

impl Grower<'_> {
    fn expression(&mut self, out: &mut String, depth: usize) {
        if depth == 0 || self.budget == 0 || !self.input.has_more() {
            return self.leaf(out);
        }
        self.budget -= 1;
        let depth = depth - 1;
        match self.input.choose(16) {
            0 | 1 => self.leaf(out),
            2..=7 => {
                let (name, arity) = self.input.one_of(BUILTINS);
                out.push_str("(builtins.");
                out.push_str(name);
                // Sometimes one too few or one too many.
                let count = match self.input.choose(12) {
                    0 => arity - 1,
                    1 => arity + 1,
                    _ => arity,
                };
                for _ in 0..count {
                    out.push(' ');
                    self.expression(out, depth);
                }
                out.push(')');
            }
            8 => {
                let operator = self.input.one_of(OPERATORS);
                self.parts(out, &["(", &format!(" {operator} "), ")"], depth);
            }
            9 => self.parts(out, &["[ ", " ", " ]"], depth),
            10 => {
                let name = self.name();
                let other = self.input.one_of(&["e", "name", "value", "type", "__functor"]);
                let keyword = self.input.one_of(&["", "rec "]);
                self.parts(
                    out,
                    &[&format!("({keyword}{{ {name}.x = "), &format!("; {other} = "), "; })"],
                    depth,
                );
            }
            11 => {
                let name = self.name();
                let rest = self.input.one_of(&[")", " or 1)", " or (throw \"d\"))"]);
                self.parts(out, &["((", &format!(").{name}{rest}")], depth);
            }
            12 => self.parts(out, &["(if ", " then ", " else ", ")"], depth),
            13 => self.parts(out, &["(with ", "; ", ")"], depth),
            14 => self.parts(out, &["((x: ", ") ", ")"], depth),
            _ => self.parts(out, &["\"<${", "}>\""], depth),
        }
    }

    /// Expressions between texts.
    fn parts(&mut self, out: &mut String, texts: &[&str], depth: usize) {
        for (index, text) in texts.iter().enumerate() {
            if index > 0 {
                self.expression(out, depth);
            }
            out.push_str(text);
        }
    }

    fn leaf(&mut self, out: &mut String) {
        out.push_str(if self.input.choose(3) == 1 {
            self.input.one_of(VARIABLES)
        } else {
            self.input.one_of(LITERALS)
        });
    }

    fn name(&mut self) -> &'static str {
        self.input.one_of(&[
            "a",
            "b",
            "c",
            "\"d e\"",
            "${\"x\"}",
            "${s}",
            "or",
            "outPath",
            "__toString",
            "drvPath",
        ])
    }
}
