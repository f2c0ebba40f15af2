//! How text looks on standard error.

use std::io::IsTerminal;

/// What standard error can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Colours; never needed to understand a message.
    pub colours: bool,
    /// Lines and arrows that ASCII does not have.
    pub unicode: bool,
}

impl Style {
    /// Text only, as files and pipes get it.
    pub const PLAIN: Style = Style { colours: false, unicode: false };

    /// What this process's standard error can show; `NO_COLOR` is respected.
    pub fn of_standard_error() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Style { colours, unicode: terminal }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// The word `error`, and carets.
    pub fn alarm(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    /// What matters most.
    pub fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Names of files, and numbers of lines.
    pub fn place(self, text: &str) -> String {
        self.paint("34", text)
    }

    /// Text that somebody else wrote, without colours where none are wanted.
    pub fn foreign(self, text: &str) -> String {
        if self.colours { text.to_owned() } else { without_escapes(text) }
    }
}

/// A text without the escape sequences that terminals take for colours (ECMA-48: CSI and OSC).
fn without_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\u{1b}' {
            out.push(character);
            continue;
        }
        match characters.next() {
            // Parameters end with a byte from `@` to `~`.
            Some('[') => while characters.next().is_some_and(|byte| !('@'..='~').contains(&byte)) {},
            Some(']') => {
                while let Some(next) = characters.next() {
                    if next == '\u{7}' {
                        break;
                    }
                    if next == '\u{1b}' {
                        characters.next();
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_taken_out() {
        let coloured = "\u{1b}[1;31mred\u{1b}[0m \u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\ end\u{1b}[";
        assert_eq!(Style::PLAIN.foreign(coloured), "red link end");
        let colours = Style { colours: true, unicode: true };
        assert_eq!(colours.foreign(coloured), coloured);
    }
}
