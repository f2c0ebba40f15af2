use std::fs;
use std::process::Command;

use proptest::prelude::*;

use super::*;

fn json_string(text: &[u8]) -> String {
    let escaped =
        String::from_utf8_lossy(text).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

fn json_groups(captures: &Captures, text: &[u8]) -> String {
    let group = |group: &Option<Range<usize>>| match group {
        Some(range) => json_string(&text[range.clone()]),
        None => "null".to_owned(),
    };
    format!("[{}]", captures.groups().iter().map(group).collect::<Vec<_>>().join(","))
}

/// What `builtins.match` gives, as JSON.
fn json_match(pattern: &str, text: &str) -> String {
    let captures = Regex::new(pattern.as_bytes()).unwrap().match_full(text.as_bytes()).unwrap();
    captures.map_or("null".to_owned(), |captures| json_groups(&captures, text.as_bytes()))
}

/// What `builtins.split` gives, as JSON.
fn json_split(pattern: &str, text: &str) -> String {
    let regex = Regex::new(pattern.as_bytes()).unwrap();
    let text = text.as_bytes();
    let (mut parts, mut end) = (Vec::new(), 0);
    for captures in regex.matches(text) {
        let captures = captures.unwrap();
        parts.push(json_string(&text[end..captures.whole().start]));
        parts.push(json_groups(&captures, text));
        end = captures.whole().end;
    }
    parts.push(json_string(&text[end..]));
    format!("[{}]", parts.join(","))
}

fn nix_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$"))
}

/// Evaluates an expression that gives a string; `None` if Nix says that it is wrong.
fn nix_eval(expression: &str) -> Option<String> {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("expression.nix");
    fs::write(&file, expression).unwrap();
    let output = Command::new("nix")
        .args(["eval", "--raw", "--store", "dummy://", "--file"])
        .args([&file, &"".into()])
        .env("NIX_CONFIG", "experimental-features = nix-command")
        .env("HOME", place.path())
        .output()
        .expect("nix can be run (it is in Debian's package nix-bin)");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() || message.contains("regular expression"), "{expression}\n{message}");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What `builtins.match` and `builtins.split` give for each pattern and text, as two lines of JSON each.
fn nix_results(cases: &[(String, String)]) -> String {
    let list: Vec<String> = cases
        .iter()
        .map(|(pattern, text)| format!("[{} {}]", nix_string(pattern), nix_string(text)))
        .collect();
    let expression = format!(
        "with builtins; concatStringsSep \"\\n\" (concatMap (c: let p = elemAt c 0; t = elemAt c 1; in
         [ (toJSON (match p t)) (toJSON (split p t)) ]) [ {} ])",
        list.join("\n")
    );
    nix_eval(&expression).unwrap_or_else(|| panic!("Nix refuses one of {cases:?}"))
}

fn compare(cases: &[(String, String)]) {
    let theirs = nix_results(cases);
    let mut theirs = theirs.split('\n');
    for (pattern, text) in cases {
        assert_eq!(theirs.next().unwrap(), json_match(pattern, text), "match {pattern:?} {text:?}");
        assert_eq!(theirs.next().unwrap(), json_split(pattern, text), "split {pattern:?} {text:?}");
    }
    assert_eq!(theirs.next(), None);
}

const PATTERNS: &[&str] = &[
    "",
    "a",
    "ab",
    "(a)",
    "()",
    "(|a)",
    "(a|)",
    "a||b",
    "|",
    "(a*)+",
    "(a*)*",
    "((a)|b)*",
    "((a*)|b)*",
    "((a*)(b*))*",
    "(a|ab)(c|bcd)(d*)",
    "(a|ab)(bc|c)?",
    "a|ab",
    "ab|a",
    "(a+|b+)*",
    "(a*|b)+",
    "((a|b)*)*",
    "(a?)*",
    "(a?)+b",
    "(a?){3}",
    "(a|b){2}",
    "(a|b){1,3}",
    "(a){0}",
    "a{0,1}",
    "(a*){2,}",
    "(a|(b))+",
    "a**",
    "a+*",
    "a?*",
    "(a)?{2}",
    "x*",
    "^",
    "$",
    "^a",
    "a$",
    "^$",
    "(^)*a",
    "(a|$)",
    "($|a)*",
    "a^b",
    "^^a",
    "(x)|$",
    ".",
    ".*",
    ".+",
    "(.*)-(.*)",
    "(.*)(.*)",
    "[a]",
    "[^a]",
    "[ab-]",
    "[-ab]",
    "[a-c]",
    "[]a]",
    "[^]a]",
    "[a\\.]",
    "[.]",
    "[*]",
    "[[]",
    "[[:alpha:]]+",
    "[[:ALPHA:]]",
    "[^[:space:]]",
    "[[:w:]]+",
    "[[:d:][:s:]]+",
    "[[.a.]-c]",
    "[[.hyphen.]]",
    "[[=a=]b]",
    "[[:alpha:]-]",
    "[--a]",
    "[%--]",
    "[ab]*b",
    "\\.",
    "\\\\",
    "\\(a\\)",
    "\\^\\$",
    "]",
    "}",
    "a}",
    "a]",
    "(a*)(ab)*(b*)",
    "(a*)(a|ab)*(b*)",
    "([^-]*)-([0-9]+)?",
    "(.)(.)*",
    "((.)|(b))*",
    "(a(b)?)+",
    "(a|b(c))*",
    "((a)?b)*",
    "(((a)*)*)*",
    "((a|b)?)*c",
    "(()|a)+",
    "(a|())+b",
    "((a*)?)*",
    "((a?)+)*b",
    "(a*b*)*",
    "(|a|ab)*",
    "(a|ab|abc)*c?",
    "(b|a*)*",
    "é",
    "[é]",
    ".é?",
    "\n",
    "a\nb",
];

const TEXTS: &[&str] = &[
    "", "a", "b", "aa", "ab", "ba", "abc", "aab", "abab", "aabb", "abcd", "xaybz", "xabcdx", "a-1", "-",
    "a.b", "(a)", "^$", "\\", "[*]", "a b c", "A_9", "a]}", "é", "aéb", "a\nb", "\n", "aaaa", "bbab", "cabc",
    "ccc", "{}",
];

#[test]
fn the_table_gives_what_nix_gives() {
    let cases: Vec<_> = PATTERNS
        .iter()
        .flat_map(|pattern| TEXTS.iter().map(|text| ((*pattern).to_owned(), (*text).to_owned())))
        .collect();
    compare(&cases);
}

const INVALID: &[&str] = &[
    "(",
    ")",
    "(a",
    "a)",
    "[",
    "[a",
    "[^",
    "[]",
    "[^]",
    "[a-",
    "[[:alpha:]",
    "[[:foo:]]",
    "[[:alpha]]",
    "[[.-.]]",
    "[[.foo.]]",
    "[[=foo=]]",
    "[b-a]",
    "[a-[.z.]]",
    "[[:alpha:]-z]",
    "[a-z-9]",
    "[a-é]",
    "*",
    "*a",
    "+",
    "?",
    "(*a)",
    "a|*",
    "^*",
    "$+",
    "{",
    "a{",
    "a{1",
    "a{1,",
    "a{,2}",
    "a{2,1}",
    "a{x}",
    "a{1x}",
    "a{1}{",
    "{1}",
    "\\",
    "\\a",
    "\\d",
    "\\w",
    "\\s",
    "\\b",
    "\\1",
    "\\n",
    "\\]",
    "\\}",
    "\\-",
    "\\/",
    "\\ ",
    "(?:a)",
    "(?=a)",
    "(a){1000}{1000}",
    "((a{100}){100}){100}",
];

#[test]
fn what_nix_refuses_is_refused() {
    for pattern in INVALID {
        assert!(Regex::new(pattern.as_bytes()).is_err(), "{pattern:?} is accepted here");
        let expression = format!("builtins.toJSON (builtins.match {} \"a\")", nix_string(pattern));
        assert_eq!(nix_eval(&expression), None, "{pattern:?} is accepted by Nix");
    }
    assert_eq!(Regex::new(b"(a){1000}{1000}").unwrap_err(), RegexError::TooLarge);
    assert!(matches!(Regex::new(b"ab)"), Err(RegexError::Invalid { offset: 3, .. })));
}

/// Patterns as they come, valid or not, out of a few characters that mean much.
fn tokens() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "c"]),
        3 => prop::sample::select(vec!["(", ")", "|", "*", "+", "?", ".", "^", "$"]),
        1 => prop::sample::select(vec!["[ab]", "[^a]", "[a-c]", "{2}", "{0,2}", "{1,}", "[", "]", "{", "}", "-", "\\", ",", "1"]),
    ];
    prop::collection::vec(token, 0..8).prop_map(|tokens| tokens.concat())
}

/// Valid patterns with much nesting.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec!["a", "b", "c", ".", "[ab]", "[^b]", "()", "^", "$"])
        .prop_map(str::to_owned);
    let quantifier = prop::sample::select(vec!["*", "+", "?", "{2}", "{0,2}", "{1,}"]);
    leaf.prop_recursive(4, 10, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join("|"))),
            (inner.clone(), quantifier.clone())
                .prop_map(|(part, quantifier)| format!("({part}){quantifier}")),
            inner.prop_map(|part| format!("({part})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn random_patterns_give_what_nix_gives(
        cases in prop::collection::vec((prop_oneof![tokens(), expression()], "[abc]{0,7}"), 200),
    ) {
        let usable = |(pattern, text): &(String, String)| {
            Regex::new(pattern.as_bytes()).is_ok() && is_quick_in_nix(pattern, text)
        };
        let cases: Vec<_> = cases.into_iter().filter(usable).collect();
        compare(&cases);
    }

    #[test]
    fn what_is_refused_is_refused_by_nix(pattern in tokens()) {
        if Regex::new(pattern.as_bytes()).is_err() {
            let expression = format!("builtins.toJSON (builtins.match {} \"a\")", nix_string(&pattern));
            prop_assert_eq!(nix_eval(&expression), None);
        }
    }
}

/// Visits that a test waits for: a fraction of a second.
const FEW_VISITS: u64 = 2_000_000;

/// All that a machine finds which remembers results after `memory_after` visits of a run.
fn all_found(pattern: &str, text: &str, memory_after: u64) -> Result<Vec<Option<Captures>>, RegexError> {
    let regex = Regex::new(pattern.as_bytes()).unwrap();
    let mut found = Vec::new();
    for mode in [Mode::Full, Mode::Prefix, Mode::NonemptyPrefix] {
        let mut machine = Machine::new(&regex.program, text.as_bytes(), mode);
        machine.limit(memory_after, FEW_VISITS);
        for start in 0..=text.len() {
            found.push(machine.run(start)?.then(|| machine.captures()));
        }
    }
    Ok(found)
}

/// With memory the work is bounded, and nothing else is found than without, as far as that can be waited for.
fn check_memory(pattern: &str, text: &str) {
    let with = all_found(pattern, text, 0).unwrap();
    if let Ok(without) = all_found(pattern, text, u64::MAX) {
        assert_eq!(with, without, "{pattern:?} {text:?}");
    }
}

/// Whether Nix, which remembers nothing and so may take exponential time, comes to an end soon.
fn is_quick_in_nix(pattern: &str, text: &str) -> bool {
    all_found(pattern, text, u64::MAX).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn memory_changes_nothing(pattern in expression(), text in "[abc]{0,9}") {
        check_memory(&pattern, &text);
    }

    #[test]
    fn any_bytes_are_a_pattern_or_an_error(pattern: Vec<u8>, text: Vec<u8>) {
        if let Ok(regex) = Regex::new(&pattern) {
            regex.match_full(&text).unwrap();
            prop_assert!(regex.matches(&text).count() <= text.len() + 1);
        }
    }
}

#[test]
fn memory_changes_nothing_on_the_table() {
    for pattern in PATTERNS {
        for text in TEXTS {
            check_memory(pattern, text);
        }
    }
}

#[test]
fn hostile_patterns_end() {
    let text = "a".repeat(20_000);
    for pattern in [
        "(a*)*b",
        "(a|a)*b",
        "(a|aa)+b",
        "((a*)*)*b",
        "(.*)(.*)(.*)b",
        "(a?){500}b",
        "(()*)*b",
        "(a|b|ab)*(c|d)",
    ] {
        let regex = Regex::new(pattern.as_bytes()).unwrap();
        assert!(
            matches!(regex.match_full(text.as_bytes()), Ok(None) | Err(RegexError::TooComplex)),
            "{pattern}"
        );
    }
    let many = "(".repeat(30_000) + &")*".repeat(30_000);
    let _ = Regex::new(many.as_bytes()).map(|regex| regex.match_full(b"aaa"));
    let many = "(".repeat(1_000_000);
    assert!(Regex::new(many.as_bytes()).is_err());
    let nested = "(".repeat(5_000) + "a" + &"*)".repeat(5_000);
    let regex = Regex::new(nested.as_bytes()).unwrap();
    assert!(!matches!(regex.match_full(b"aaab"), Ok(Some(_))));
}

#[test]
fn long_texts_are_matched() {
    let text = "line of text\n".repeat(100_000);
    let count = |pattern: &str| Regex::new(pattern.as_bytes()).unwrap().matches(text.as_bytes()).count();
    assert_eq!(count("\n"), 100_000);
    assert_eq!(count("[ \n]+"), 300_000);
    assert_eq!(count("(line|text)"), 200_000);
    assert_eq!(count("x*y"), 0);
    let full = |pattern: &str| Regex::new(pattern.as_bytes()).unwrap().match_full(text.as_bytes()).unwrap();
    assert!(full("(.|\n)*text\n").is_some());
    assert_eq!(full("(.*)(line.*)").unwrap().groups()[1], Some(text.len() - 13..text.len()));
    assert!(full("([a-z ]*\n)*").is_some());
}
