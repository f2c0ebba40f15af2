//! A shell script as words and operators (POSIX.1-2017, Shell Command Language, 2.3), as far as one must go to tell its commands
//! apart. Quotes stay in the words. Comments go, but for those by which debhelper marks what it has added.

/// What a script is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word, with its quotes and substitutions as they are written.
    Word(String),
    /// `;`, `&&`, `|`, `;;`, `(` and the like; a line's end is a `\n`.
    Operator(&'static str),
    /// A redirection to somewhere: `>` or `<` with the word that follows; a here-document has no word.
    Redirection {
        /// Whether something is written there.
        writes: bool,
        /// Where.
        target: String,
    },
    /// `# Automatically added by NAME/VERSION`.
    AddedBy(String),
    /// `# End automatically added section`.
    EndOfAdded,
}

/// The operators, the longer ones first where one begins another.
const OPERATORS: [&str; 9] = [";;", "&&", "||", ";", "|", "&", "(", ")", "\n"];

/// Scripts are a few levels deep; more would only be meant to exhaust the stack.
const DEPTH_LIMIT: usize = 64;

/// Takes a script apart. One that ends within quotes ends there.
pub(super) fn tokens(script: &str) -> Vec<Token> {
    let mut reader = Reader { rest: script, here_documents: Vec::new(), tokens: Vec::new() };
    while !reader.rest.is_empty() {
        reader.step();
    }
    reader.tokens
}

struct Reader<'a> {
    rest: &'a str,
    /// The words that end the here-documents which begin with the next line, and whether tabs before them do not count.
    here_documents: Vec<(String, bool)>,
    tokens: Vec<Token>,
}

impl<'a> Reader<'a> {
    fn step(&mut self) {
        if self.skip(" ") || self.skip("\t") || self.skip("\r") || self.skip("\\\n") {
            return;
        }
        if self.rest.starts_with('#') {
            let line = self.take_line();
            self.comment(line);
            return;
        }
        if self.rest.starts_with('<') || self.rest.starts_with('>') {
            self.redirection();
            return;
        }
        if let Some(operator) = OPERATORS.iter().find(|operator| self.rest.starts_with(**operator)) {
            self.rest = &self.rest[operator.len()..];
            self.tokens.push(Token::Operator(operator));
            if *operator == "\n" {
                self.skip_here_documents();
            }
            return;
        }
        let word = self.word();
        // The number of a descriptor belongs to the redirection behind it.
        let descriptor = word.bytes().all(|byte| byte.is_ascii_digit());
        if descriptor && (self.rest.starts_with('<') || self.rest.starts_with('>')) {
            self.redirection();
            return;
        }
        self.tokens.push(Token::Word(word.to_owned()));
    }

    fn skip(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// What is left of the line, without its end.
    fn take_line(&mut self) -> &'a str {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        line
    }

    fn comment(&mut self, line: &str) {
        let text = line.trim_start_matches('#').trim();
        if let Some(helper) = text.strip_prefix("Automatically added by ") {
            let name = helper.split(['/', ' ']).next().unwrap_or_default();
            self.tokens.push(Token::AddedBy(name.to_owned()));
        } else if text == "End automatically added section" {
            self.tokens.push(Token::EndOfAdded);
        }
    }

    fn redirection(&mut self) {
        let writes = self.rest.starts_with('>');
        if self.skip("<<<") {
        } else if self.skip("<<") {
            let indented = self.skip("-");
            self.skip_blanks();
            let end = self.word().replace(['\'', '"', '\\'], "");
            self.here_documents.push((end, indented));
            return;
        } else if self.skip(">>") || self.skip(">&") || self.skip("<&") || self.skip(">|") || self.skip("<>")
        {
        } else {
            self.rest = &self.rest[1..];
        }
        self.skip_blanks();
        let target = self.word().to_owned();
        self.tokens.push(Token::Redirection { writes, target });
    }

    fn skip_blanks(&mut self) {
        while self.skip(" ") || self.skip("\t") || self.skip("\\\n") {}
    }

    fn skip_here_documents(&mut self) {
        for (end, indented) in std::mem::take(&mut self.here_documents) {
            while !self.rest.is_empty() {
                let line = self.take_line();
                self.skip("\n");
                let line = if indented { line.trim_start_matches('\t') } else { line };
                if line == end {
                    break;
                }
            }
        }
    }

    /// A word; empty where none stands.
    fn word(&mut self) -> &'a str {
        let end = word_end(self.rest.as_bytes());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }
}

/// Where the word at the beginning of `text` ends: at a blank or an operator outside of quotes and substitutions. All bytes that
/// are looked for are ASCII, so it is a boundary of characters.
fn word_end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at = match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>' => return at,
            _ => past(text, at, 0),
        };
    }
    text.len()
}

/// Behind the character, or the quotes or the substitution, that begins at `at`.
fn past(text: &[u8], at: usize, depth: usize) -> usize {
    let end = match (text.get(at), text.get(at + 1)) {
        (Some(b'\\'), _) => at + 2,
        (Some(b'\''), _) => find(text, at + 1, b'\'') + 1,
        _ if depth > DEPTH_LIMIT => at + 1,
        (Some(b'"'), _) => enclosed(text, at + 1, b'"', depth),
        (Some(b'`'), _) => enclosed(text, at + 1, b'`', depth),
        (Some(b'$'), Some(b'(')) => enclosed(text, at + 2, b')', depth),
        (Some(b'$'), Some(b'{')) => enclosed(text, at + 2, b'}', depth),
        (Some(b'('), _) => enclosed(text, at + 1, b')', depth),
        _ => at + 1,
    };
    // Never into the middle of a character, whatever a backslash stands before.
    let mut end = end.min(text.len());
    while text.get(end).is_some_and(|byte| byte & 0xC0 == 0x80) {
        end += 1;
    }
    end
}

fn find(text: &[u8], from: usize, wanted: u8) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from + memchr::memchr(wanted, rest).unwrap_or(rest.len())
}

/// Behind the `end` of what begins at `at`.
fn enclosed(text: &[u8], mut at: usize, end: u8, depth: usize) -> usize {
    while let Some(byte) = text.get(at) {
        at = match byte {
            byte if *byte == end => return at + 1,
            // Within double quotes these are characters as any other.
            b'\'' | b'(' if end == b'"' => at + 1,
            _ => past(text, at, depth + 1),
        };
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(script: &str) -> Vec<String> {
        tokens(script)
            .into_iter()
            .filter_map(|token| match token {
                Token::Word(word) => Some(word),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn quotes_and_substitutions_are_one_word() {
        assert_eq!(
            words(r#"echo "a b" 'c d' $(e "f )" ) ${g:-h i}j `k l` m\ n"#)[1..],
            [r#""a b""#, "'c d'", r#"$(e "f )" )"#, "${g:-h i}j", "`k l`", r"m\ n"]
        );
    }

    #[test]
    fn what_is_read_and_written_is_told_apart() {
        assert_eq!(
            tokens("a 2>/dev/null >> b < c"),
            [
                Token::Word("a".into()),
                Token::Redirection { writes: true, target: "/dev/null".into() },
                Token::Redirection { writes: true, target: "b".into() },
                Token::Redirection { writes: false, target: "c".into() },
            ]
        );
    }

    #[test]
    fn documents_and_comments_hold_no_words() {
        assert_eq!(words("cat <<-'EOF' >b # c\n\trm -rf /\n\tEOF\nd\n"), ["cat", "d"]);
        assert_eq!(
            tokens("# Automatically added by dh_x/13.1\n# End automatically added section"),
            [Token::AddedBy("dh_x".into()), Token::Operator("\n"), Token::EndOfAdded]
        );
    }

    proptest! {
        #[test]
        fn any_text_comes_to_an_end(text in "\\PC*|[ a\"'`$(){}<>|&;\\\\\n#é]{0,60}") {
            tokens(&text);
        }
    }
}
