//! The way through a script: which of its commands run at an installation.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::{Known, Variables, both, either, matches, test};
use super::words::Token;
use super::{ScriptCommand, ScriptKind, base_name};

/// What only looks, speaks, or sets something of the shell itself. What is removed at an installation was left by other versions,
/// and debconf's questions have no answers but the defaults.
const HARMLESS: &[&str] = &[
    ".",
    ":",
    "[",
    "[[",
    "basename",
    "break",
    "cat",
    "cd",
    "cmp",
    "command",
    "continue",
    "cut",
    "date",
    "debconf-communicate",
    "diff",
    "dirname",
    "dpkg",
    "dpkg-architecture",
    "dpkg-maintscript-helper",
    "dpkg-query",
    "dpkg-realpath",
    "dpkg-trigger",
    "echo",
    "egrep",
    "eval",
    "exec",
    "exit",
    "export",
    "expr",
    "false",
    "fgrep",
    "find",
    "getent",
    "getopt",
    "getopts",
    "grep",
    "head",
    "hostname",
    "id",
    "ischroot",
    "kill",
    "let",
    "local",
    "ls",
    "md5sum",
    "mktemp",
    "mountpoint",
    "pidof",
    "printf",
    "ps",
    "pwd",
    "read",
    "readlink",
    "readonly",
    "realpath",
    "restorecon",
    "return",
    "rm",
    "rmdir",
    "sed",
    "selinuxenabled",
    "seq",
    "set",
    "sha256sum",
    "shift",
    "sleep",
    "sort",
    "stat",
    "systemd-detect-virt",
    "tail",
    "test",
    "tr",
    "trap",
    "true",
    "tty",
    "type",
    "ulimit",
    "umask",
    "uname",
    "uniq",
    "unset",
    "wait",
    "wc",
    "which",
    "awk",
    "xargs",
];

/// A construct that is open.
enum Frame {
    If {
        condition: Known,
        before: Known,
        in_condition: bool,
    },
    /// A `case`: its subject, and whether an arm has taken it.
    Case {
        subject: Option<String>,
        taken: bool,
        arm: Known,
        state: CaseState,
    },
    Loop,
    Group,
    Function,
}

#[derive(PartialEq, Eq)]
enum CaseState {
    Subject,
    In,
    Pattern(Vec<String>),
    Body,
}

/// A script as far as it was read.
pub(super) struct Walk {
    variables: Variables,
    frames: Vec<Frame>,
    /// The words of the command that is being read, and what it writes to.
    words: Vec<String>,
    writes: Vec<String>,
    helper: Option<String>,
    /// What the commands joined by `&&` and `||` have come to, and how the next is joined.
    chain: Known,
    joined: Option<&'static str>,
    /// The function whose body is read, and the frame it has opened.
    function: Option<(String, usize)>,
    /// By function, the script itself being the empty name: its commands, and the functions among them.
    found: BTreeMap<String, Vec<ScriptCommand>>,
    functions: BTreeSet<String>,
}

impl Walk {
    pub(super) fn new(kind: ScriptKind) -> Self {
        Walk {
            variables: Variables::at_installation(kind.action()),
            frames: Vec::new(),
            words: Vec::new(),
            writes: Vec::new(),
            helper: None,
            chain: Some(true),
            joined: None,
            function: None,
            found: BTreeMap::new(),
            functions: BTreeSet::new(),
        }
    }

    pub(super) fn take(&mut self, token: Token) {
        if let Some(Frame::Case { state, .. }) = self.frames.last_mut()
            && *state != CaseState::Body
        {
            self.take_in_case(token);
            return;
        }
        match token {
            Token::AddedBy(helper) => self.helper = Some(helper),
            Token::EndOfAdded => self.helper = None,
            Token::Redirection { writes, target } => {
                if writes {
                    self.writes.push(target);
                }
            }
            Token::Word(word) if self.words.is_empty() => self.first_word(word),
            Token::Word(word) => self.words.push(word),
            Token::Operator("(") if self.words.len() == 1 => self.words.push("(".to_owned()),
            Token::Operator(")") if self.words.get(1).is_some_and(|word| word == "(") => {
                let name = self.words.swap_remove(0);
                self.words.clear();
                self.functions.insert(name.clone());
                self.function = Some((name, self.frames.len()));
                self.frames.push(Frame::Function);
            }
            Token::Operator("(") => self.frames.push(Frame::Group),
            Token::Operator(")") => {
                self.end_command(None);
                self.close(|frame| matches!(frame, Frame::Group));
            }
            Token::Operator(";;") => {
                self.end_command(None);
                self.close_inner(|frame| matches!(frame, Frame::Case { .. }));
                if let Some(Frame::Case { state, .. }) = self.frames.last_mut() {
                    *state = CaseState::Pattern(Vec::new());
                }
            }
            Token::Operator(operator) => self.end_command(Some(operator)),
        }
    }

    /// A word where a command begins: it may be one that the shell keeps for itself.
    fn first_word(&mut self, word: String) {
        match word.as_str() {
            "if" => self.open(Frame::If { condition: Some(true), before: Some(false), in_condition: true }),
            "elif" | "else" => {
                self.close_inner(|frame| matches!(frame, Frame::If { .. }));
                if let Some(Frame::If { condition, before, in_condition }) = self.frames.last_mut() {
                    *before = either(*before, *condition);
                    *condition = Some(true);
                    *in_condition = word == "elif";
                }
                self.begin_chain();
            }
            "then" => {
                self.close_inner(|frame| matches!(frame, Frame::If { .. }));
                if let Some(Frame::If { condition, in_condition, .. }) = self.frames.last_mut() {
                    *condition = self.chain;
                    *in_condition = false;
                }
                self.begin_chain();
            }
            "fi" => self.close(|frame| matches!(frame, Frame::If { .. })),
            "while" | "until" | "for" => {
                self.open(Frame::Loop);
                if word == "for" {
                    self.words.push(word);
                }
            }
            "do" => self.begin_chain(),
            "done" => self.close(|frame| matches!(frame, Frame::Loop)),
            "case" => self.open(Frame::Case {
                subject: None,
                taken: false,
                arm: Some(true),
                state: CaseState::Subject,
            }),
            "esac" => self.close(|frame| matches!(frame, Frame::Case { .. })),
            "{" => self.open(Frame::Group),
            "}" => self.close(|frame| matches!(frame, Frame::Group)),
            _ => self.words.push(word),
        }
    }

    fn open(&mut self, frame: Frame) {
        self.frames.push(frame);
        self.begin_chain();
    }

    fn begin_chain(&mut self) {
        self.chain = Some(true);
        self.joined = None;
    }

    /// Closes what is open within the innermost frame of a kind; one that nothing closes was not understood.
    fn close_inner(&mut self, is: impl Fn(&Frame) -> bool) {
        if let Some(place) = self.frames.iter().rposition(is) {
            self.frames.truncate(place + 1);
        }
    }

    fn close(&mut self, is: impl Fn(&Frame) -> bool) {
        if let Some(place) = self.frames.iter().rposition(is) {
            self.frames.truncate(place);
            // The body of a function is the group behind its name.
            if matches!(self.frames.last(), Some(Frame::Function)) {
                self.frames.pop();
            }
            if self.function.as_ref().is_some_and(|(_, outer)| self.frames.len() <= *outer) {
                self.function = None;
            }
        }
        self.chain = None;
        self.joined = None;
    }

    /// Between `case` and an arm's commands.
    fn take_in_case(&mut self, token: Token) {
        let Some(Frame::Case { subject, taken, arm, state }) = self.frames.last_mut() else { return };
        match (state, token) {
            (state @ CaseState::Subject, Token::Word(word)) => {
                *subject = if self.function.is_some() { None } else { self.variables.value(&word, false) };
                *state = CaseState::In;
            }
            (state @ CaseState::In, Token::Word(_)) => *state = CaseState::Pattern(Vec::new()),
            (CaseState::Pattern(patterns), Token::Word(word)) if patterns.is_empty() && word == "esac" => {
                self.close(|frame| matches!(frame, Frame::Case { .. }));
            }
            (CaseState::Pattern(patterns), Token::Word(word)) => patterns.push(word),
            (state @ CaseState::Pattern(_), Token::Operator(")")) => {
                let CaseState::Pattern(patterns) = std::mem::replace(state, CaseState::Body) else { return };
                *arm = match subject {
                    None => None,
                    Some(_) if *taken => Some(false),
                    Some(value) => {
                        *taken = patterns.iter().any(|pattern| matches(pattern, value));
                        Some(*taken)
                    }
                };
                self.begin_chain();
            }
            (_, Token::AddedBy(helper)) => self.helper = Some(helper),
            (_, Token::EndOfAdded) => self.helper = None,
            _ => {}
        }
    }

    /// Whether what is read now would run.
    fn is_live(&self) -> bool {
        let outer = self.function.as_ref().map_or(0, |(_, place)| *place);
        let live = self.frames.iter().skip(outer).all(|frame| match frame {
            Frame::If { before, in_condition: true, .. } => *before != Some(true),
            Frame::If { condition, before, .. } => *before != Some(true) && *condition != Some(false),
            Frame::Case { arm, .. } => *arm != Some(false),
            Frame::Loop | Frame::Group | Frame::Function => true,
        });
        live && match self.joined {
            Some("&&") => self.chain != Some(false),
            Some("||") => self.chain != Some(true),
            _ => true,
        }
    }

    /// What stands before an operator, or before the end of something, is a command.
    pub(super) fn end_command(&mut self, operator: Option<&'static str>) {
        let words = std::mem::take(&mut self.words);
        let writes = std::mem::take(&mut self.writes);
        // A line may end behind `&&`.
        if words.is_empty() && operator == Some("\n") && matches!(self.joined, Some("&&" | "||" | "|")) {
            return;
        }
        if !words.is_empty() || !writes.is_empty() {
            let live = self.is_live();
            let result = self.command(words, &writes, live);
            self.chain = match self.joined {
                Some("&&") => both(self.chain, result),
                Some("||") => either(self.chain, result),
                _ => result,
            };
        }
        self.joined = match operator {
            Some(joining @ ("&&" | "||" | "|")) => Some(joining),
            _ => None,
        };
    }

    /// Notes a command, and says whether it succeeds.
    fn command(&mut self, words: Vec<String>, writes: &[String], live: bool) -> Known {
        let (negated, words) = match words.split_first() {
            Some((first, rest)) if first == "!" => (true, rest),
            _ => (false, words.as_slice()),
        };
        let assignments = words.iter().take_while(|word| self.variables.is_assignment(word)).count();
        let (assigned, words) = words.split_at(assignments);
        let Some(program) = words.first() else {
            if live {
                self.variables.assign(assigned, self.function.is_none());
            }
            if !writes.is_empty() {
                self.note(": >", &[], writes, live);
            }
            return Some(true);
        };
        let result = match base_name(program) {
            "[" | "test" | "dpkg" => test(words, &self.variables, self.function.is_some()),
            ":" | "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        self.note(base_name(program), words, writes, live);
        if negated { result.map(|result| !result) } else { result }
    }

    fn note(&mut self, program: &str, words: &[String], writes: &[String], live: bool) {
        if !live {
            return;
        }
        let written: Vec<&String> = writes
            .iter()
            .filter(|target| {
                let target = target.trim_matches('"');
                !target.starts_with("/dev/")
                    && !target.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
            })
            .collect();
        let in_place = program == "sed"
            && words.iter().any(|word| word.starts_with("-i") || word.starts_with("--in-place"));
        let harmless = HARMLESS.contains(&program) || program.starts_with("db_") || program == "for";
        if harmless && written.is_empty() && !in_place {
            return;
        }
        let mut text = words.join(" ");
        for target in written {
            text.push_str(&format!(" > {target}"));
        }
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let function = self.function.as_ref().map(|(name, _)| name.clone()).unwrap_or_default();
        let command = ScriptCommand { program: program.to_owned(), text, helper: self.helper.clone() };
        let known = self.found.entry(function).or_default();
        if !known.contains(&command) {
            known.push(command);
        }
    }

    /// The commands of the script and of the functions that it comes to call.
    pub(super) fn called(self) -> Vec<ScriptCommand> {
        let mut commands = Vec::new();
        let mut open = vec![String::new()];
        let mut seen: BTreeSet<String> = BTreeSet::new();
        while let Some(function) = open.pop() {
            if !seen.insert(function.clone()) {
                continue;
            }
            for command in self.found.get(&function).into_iter().flatten() {
                if self.functions.contains(&command.program) {
                    open.push(command.program.clone());
                } else if !commands.contains(command) {
                    commands.push(command.clone());
                }
            }
        }
        commands
    }
}
