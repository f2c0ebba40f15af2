//! Random programs, compared with Nix in batches.
//!
//! A program is grown from a list of numbers, each of which decides one thing; it is made so that every expression has
//! a type and evaluates without an error (but for what `tryEval` catches), however lazily it is asked for.

use proptest::prelude::*;

use crate::{json, nix};

/// The types of expressions that are grown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Int,
    Bool,
    String,
    /// A list of integers.
    List,
    /// A set of integers, of which none is known to be there.
    Set,
}

const TYPES: [Type; 5] = [Type::Int, Type::Bool, Type::String, Type::List, Type::Set];

/// Attribute names, from few so that they meet.
const NAMES: [&str; 5] = ["a", "b", "c", "\"d e\"", "or"];

struct Grower<'numbers> {
    numbers: std::slice::Iter<'numbers, u8>,
    /// Variables in scope with their types.
    scope: Vec<(String, Type)>,
    /// Names that were made up.
    names: usize,
}

impl Grower<'_> {
    /// A number below `limit`; 0, which is always something small, when there are no more numbers.
    fn choose(&mut self, limit: usize) -> usize {
        self.numbers.next().map_or(0, |number| usize::from(*number) % limit)
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.choose(NAMES.len())]
    }

    fn literal(&mut self, wanted: Type) -> String {
        let number = self.choose(7);
        match wanted {
            Type::Int => number.to_string(),
            Type::Bool => ["true", "false"][number % 2].to_owned(),
            Type::String => {
                ["\"\"", "\"a\"", "\"b-1.2\"", "''\n  x\n    y\n''", "\"ab\\n\"", "\"aXb\"", "\"1\""][number]
                    .to_owned()
            }
            Type::List => {
                ["[ ]", "[ 1 ]", "[ 3 1 2 ]", "[ 2 2 ]", "[ 0 5 ]", "[ 1 2 3 4 ]", "[ 9 ]"][number].to_owned()
            }
            Type::Set => [
                "{ }",
                "{ a = 1; }",
                "{ a = 1; b = 2; }",
                "{ c = 3; }",
                "{ b = 0; c = 1; \"d e\" = 2; }",
                "{ or = 7; }",
                "rec { a = b; b = 4; }",
            ][number]
                .to_owned(),
        }
    }

    /// A variable of the type, if there is one.
    fn variable(&mut self, wanted: Type) -> Option<String> {
        // A name may be bound again further in, to a value of another type.
        let visible =
            |place: usize, name: &str| self.scope[place + 1..].iter().all(|(inner, _)| inner != name);
        let fitting: Vec<String> = (0..self.scope.len())
            .filter(|place| self.scope[*place].1 == wanted && visible(*place, &self.scope[*place].0))
            .map(|place| self.scope[place].0.clone())
            .collect();
        if fitting.is_empty() {
            return None;
        }
        let chosen = self.choose(fitting.len());
        Some(fitting[chosen].clone())
    }

    /// Something of the type with a new variable of another type in it: the name, its value, the rest. Where the value
    /// itself is in scope of the name, the name must be `fresh`, or the value might need itself.
    fn bound(&mut self, wanted: Type, depth: usize, fresh: bool) -> (String, String, String) {
        let bound = TYPES[self.choose(TYPES.len())];
        let value = self.grow(bound, depth);
        let name = if fresh {
            self.names += 1;
            format!("v{}", self.names)
        } else {
            ["x", "y", "z"][self.choose(3)].to_owned()
        };
        self.scope.push((name.clone(), bound));
        let body = self.grow(wanted, depth);
        self.scope.pop();
        (name, value, body)
    }

    /// Forms that any type can take.
    fn any_form(&mut self, wanted: Type, depth: usize) -> String {
        match self.choose(9) {
            0 => format!(
                "if {} then {} else {}",
                self.grow(Type::Bool, depth),
                self.grow(wanted, depth),
                self.grow(wanted, depth)
            ),
            1 => {
                let (name, value, body) = self.bound(wanted, depth, true);
                format!("let {name} = {value}; in {body}")
            }
            2 => {
                let (name, value, body) = self.bound(wanted, depth, false);
                format!("({name}: {body}) ({value})")
            }
            3 => {
                let (name, value, body) = self.bound(wanted, depth, true);
                format!("({{ {name} ? {value}, ... }}@all: {body}) {{ other = throw \"unused\"; }}")
            }
            4 => {
                let (name, value, body) = self.bound(wanted, depth, false);
                format!("({{ {name}, unused ? throw \"unused\" }}: {body}) {{ {name} = {value}; }}")
            }
            5 => format!(
                "let r = builtins.tryEval ({}); in if r.success then r.value else {}",
                self.grow_or_throw(wanted, depth),
                self.literal(wanted)
            ),
            6 => {
                let name = self.name();
                format!("({{ {name} = {}; }}.{name} or (throw \"there\"))", self.grow(wanted, depth))
            }
            7 => format!("builtins.seq ({}) ({})", self.grow(Type::List, depth), self.grow(wanted, depth)),
            _ => {
                let value = self.grow(wanted, depth);
                format!("builtins.foldl' (_: value: value) (throw \"not needed\") [ ({value}) ]")
            }
        }
    }

    fn grow_or_throw(&mut self, wanted: Type, depth: usize) -> String {
        if self.choose(3) == 1 { "throw \"caught\"".to_owned() } else { self.grow(wanted, depth) }
    }

    fn grow(&mut self, wanted: Type, depth: usize) -> String {
        if depth == 0 {
            return match self.variable(wanted) {
                Some(name) => name,
                None => self.literal(wanted),
            };
        }
        let depth = depth - 1;
        let grown = match self.choose(4) {
            0 => return self.grow(wanted, 0),
            1 => self.any_form(wanted, depth),
            _ => match wanted {
                Type::Int => self.int(depth),
                Type::Bool => self.bool(depth),
                Type::String => self.string(depth),
                Type::List => self.list(depth),
                Type::Set => self.set(depth),
            },
        };
        format!("({grown})")
    }

    fn int(&mut self, depth: usize) -> String {
        match self.choose(10) {
            0 => format!("{} + {}", self.grow(Type::Int, depth), self.grow(Type::Int, depth)),
            1 => format!("{} - {}", self.grow(Type::Int, depth), self.grow(Type::Int, depth)),
            2 => format!("- {}", self.grow(Type::Int, depth)),
            3 => format!("{} / (1 + {} * 0)", self.grow(Type::Int, depth), self.grow(Type::Int, depth)),
            4 => format!("builtins.length {}", self.grow(Type::List, depth)),
            5 => format!("builtins.stringLength {}", self.grow(Type::String, depth)),
            6 => {
                let (set, name) = (self.grow(Type::Set, depth), self.name());
                format!("{set}.{name} or {}", self.grow(Type::Int, depth))
            }
            7 => format!(
                "builtins.foldl' (a: b: a + b) {} {}",
                self.grow(Type::Int, depth),
                self.grow(Type::List, depth)
            ),
            8 => format!(
                "builtins.compareVersions {} {}",
                self.grow(Type::String, depth),
                self.grow(Type::String, depth)
            ),
            _ => format!(
                "builtins.head ({} ++ [ {} ])",
                self.grow(Type::List, depth),
                self.grow(Type::Int, depth)
            ),
        }
    }

    fn bool(&mut self, depth: usize) -> String {
        match self.choose(9) {
            0 => {
                let both = TYPES[self.choose(TYPES.len())];
                format!("{} == {}", self.grow(both, depth), self.grow(both, depth))
            }
            1 => format!("{} < {}", self.grow(Type::Int, depth), self.grow(Type::Int, depth)),
            2 => format!("{} >= {}", self.grow(Type::String, depth), self.grow(Type::String, depth)),
            3 => format!("{} < {}", self.grow(Type::List, depth), self.grow(Type::List, depth)),
            4 => format!("!{}", self.grow(Type::Bool, depth)),
            5 => format!("{} && {}", self.grow(Type::Bool, depth), self.grow(Type::Bool, depth)),
            6 => format!("{} -> {}", self.grow(Type::Bool, depth), self.grow(Type::Bool, depth)),
            7 => {
                let (set, name) = (self.grow(Type::Set, depth), self.name());
                format!("{set} ? {name}")
            }
            _ => format!("builtins.elem {} {}", self.grow(Type::Int, depth), self.grow(Type::List, depth)),
        }
    }

    fn string(&mut self, depth: usize) -> String {
        match self.choose(11) {
            0 => format!("{} + {}", self.grow(Type::String, depth), self.grow(Type::String, depth)),
            1 => format!("\"<${{{}}}>\"", self.grow(Type::String, depth)),
            2 => {
                let shown = TYPES[self.choose(4)];
                format!("toString {}", self.grow(shown, depth))
            }
            3 => format!("builtins.substring {} 2 {}", self.choose(4), self.grow(Type::String, depth)),
            4 => format!(
                "builtins.replaceStrings [ {} \"a\" ] [ \"<\" {} ] {}",
                self.grow(Type::String, depth),
                self.grow(Type::String, depth),
                self.grow(Type::String, depth)
            ),
            5 => {
                let shown = TYPES[self.choose(TYPES.len())];
                format!("builtins.toJSON {}", self.grow(shown, depth))
            }
            6 => format!(
                "builtins.concatStringsSep {} (builtins.attrNames {})",
                self.grow(Type::String, depth),
                self.grow(Type::Set, depth)
            ),
            7 => {
                format!("builtins.toJSON (builtins.split \"([a-z])|(<)\" {})", self.grow(Type::String, depth))
            }
            8 => format!("builtins.toJSON (builtins.match \"(a*)(.*)\" {})", self.grow(Type::String, depth)),
            9 => format!("(builtins.parseDrvName {}).name", self.grow(Type::String, depth)),
            _ => format!("builtins.hashString \"sha256\" {}", self.grow(Type::String, depth)),
        }
    }

    fn list(&mut self, depth: usize) -> String {
        match self.choose(10) {
            0 => format!("[ {} {} ]", self.grow(Type::Int, depth), self.grow(Type::Int, depth)),
            1 => format!("{} ++ {}", self.grow(Type::List, depth), self.grow(Type::List, depth)),
            2 => {
                self.scope.push(("x".to_owned(), Type::Int));
                let body = self.grow(Type::Int, depth);
                self.scope.pop();
                format!("builtins.map (x: {body}) {}", self.grow(Type::List, depth))
            }
            3 => {
                self.scope.push(("y".to_owned(), Type::Int));
                let body = self.grow(Type::Bool, depth);
                self.scope.pop();
                format!("builtins.filter (y: {body}) {}", self.grow(Type::List, depth))
            }
            4 => format!("builtins.sort builtins.lessThan {}", self.grow(Type::List, depth)),
            5 => {
                self.scope.push(("z".to_owned(), Type::Int));
                let body = self.grow(Type::List, depth);
                self.scope.pop();
                format!("builtins.concatMap (z: {body}) {}", self.grow(Type::List, depth))
            }
            6 => format!("builtins.attrValues {}", self.grow(Type::Set, depth)),
            7 => format!("builtins.genList (n: n * {}) 3", self.grow(Type::Int, depth)),
            8 => format!("(builtins.partition (n: n > 1) {}).wrong", self.grow(Type::List, depth)),
            _ => format!("builtins.tail ([ 0 ] ++ {})", self.grow(Type::List, depth)),
        }
    }

    fn set(&mut self, depth: usize) -> String {
        match self.choose(11) {
            0 => {
                let (first, second) = (self.name(), self.name());
                let (a, b) = (self.grow(Type::Int, depth), self.grow(Type::Int, depth));
                if first == second {
                    format!("{{ {first} = {a}; }}")
                } else {
                    format!("{{ {first} = {a}; {second} = {b}; }}")
                }
            }
            1 => {
                self.scope.push(("a".to_owned(), Type::Int));
                let b = self.grow(Type::Int, depth);
                self.scope.pop();
                format!("rec {{ a = {}; b = {b}; }}", self.literal(Type::Int))
            }
            2 => format!("{} // {}", self.grow(Type::Set, depth), self.grow(Type::Set, depth)),
            3 => format!(
                "builtins.mapAttrs (name: value: value + builtins.stringLength name) {}",
                self.grow(Type::Set, depth)
            ),
            4 => format!(
                "builtins.intersectAttrs {} {}",
                self.grow(Type::Set, depth),
                self.grow(Type::Set, depth)
            ),
            5 => format!(
                "builtins.removeAttrs {} [ \"a\" {} ]",
                self.grow(Type::Set, depth),
                self.grow(Type::String, depth)
            ),
            6 => format!("{{ ${{{}}} = {}; }}", self.grow(Type::String, depth), self.grow(Type::Int, depth)),
            7 => format!("with {{ inner = {}; }}; inner // {{ c = 5; }}", self.grow(Type::Set, depth)),
            8 => format!("let {{ body = {}; }}", self.grow(Type::Set, depth)),
            9 => format!(
                "builtins.listToAttrs (builtins.map (n: {{ name = builtins.toString n; value = n; }}) {})",
                self.grow(Type::List, depth)
            ),
            _ => format!(
                "builtins.mapAttrs (_: builtins.length) (builtins.groupBy builtins.toString {})",
                self.grow(Type::List, depth)
            ),
        }
    }
}

fn program(numbers: &[u8]) -> String {
    let mut grower = Grower { numbers: numbers.iter(), scope: Vec::new(), names: 0 };
    let wanted = TYPES[grower.choose(TYPES.len())];
    grower.grow(wanted, 5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_programs_evaluate_as_in_nix(
        programs in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..200), 150),
    ) {
        let programs: Vec<String> = programs.iter().map(|numbers| program(numbers)).collect();
        let all = format!("[\n{}\n]", programs.iter().map(|program| format!("({program})\n")).collect::<String>());
        let theirs: serde_json::Value = serde_json::from_str(&nix::json(&all)).unwrap();
        let ours: serde_json::Value = serde_json::from_str(&json(&all).unwrap()).unwrap();
        for (program, (theirs, ours)) in programs.iter().zip(theirs.as_array().unwrap().iter().zip(ours.as_array().unwrap())) {
            prop_assert_eq!(theirs, ours, "{}", program);
        }
    }
}
