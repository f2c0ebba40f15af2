//! Paragraphs of `Field: value` lines, the syntax of control files, package indices and apt's sources.
//!
//! Format: Debian Policy 5.1 and deb822(5). A field's value goes on in lines that begin with a space or a tab; lines that
//! begin with `#` are comments; an empty line ends the paragraph.

/// A text that is not made of paragraphs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// A line with neither a colon nor a space before it.
    #[error("line {line}: `{text}` is not a field")]
    NotAField {
        /// Number of the line, from 1.
        line: usize,
        /// Its beginning.
        text: String,
    },
    /// A line that goes on a field, where no field stands before.
    #[error("line {line} continues a field, but none stands before it")]
    NothingToContinue {
        /// Number of the line, from 1.
        line: usize,
    },
    /// A paragraph was expected and there is none.
    #[error("there is no paragraph in it")]
    Empty,
}

/// One field of a paragraph, borrowed from the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Name as written; names compare without regard to case.
    pub name: &'a str,
    /// Value, trimmed at both ends; lines that go on keep their line break and their leading space.
    pub value: &'a str,
}

/// One paragraph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paragraph<'a> {
    /// Its fields in order.
    pub fields: Vec<Field<'a>>,
}

impl<'a> Paragraph<'a> {
    /// The value of a field, if it is there.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// Reads a text that must hold one paragraph, as a package's control file does; what follows it is not looked at.
    pub fn parse(text: &'a str) -> Result<Self, ControlError> {
        Paragraphs::new(text).next().unwrap_or(Err(ControlError::Empty))
    }
}

/// Goes through the paragraphs of a text one by one, without copying any of it.
#[derive(Clone, Debug)]
pub struct Paragraphs<'a> {
    text: &'a str,
    position: usize,
    line: usize,
}

impl<'a> Paragraphs<'a> {
    /// Begins at the start of `text`.
    pub fn new(text: &'a str) -> Self {
        Paragraphs { text, position: 0, line: 0 }
    }

    /// The next line without its break, with the offset at which it begins.
    fn next_line(&mut self) -> Option<(usize, &'a str)> {
        let start = self.position;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        self.position = start + length + 1;
        self.line += 1;
        Some((start, &rest[..length]))
    }

    /// Reads the next paragraph into `paragraph`, whose memory is used again: an index has tens of thousands of them.
    /// Returns false at the end of the text.
    pub fn read_into(&mut self, paragraph: &mut Paragraph<'a>) -> Result<bool, ControlError> {
        paragraph.fields.clear();
        // Name, and where the value begins and ends in the text.
        let mut open: Option<(&'a str, usize, usize)> = None;
        while let Some((start, line)) = self.next_line() {
            match line.as_bytes().first() {
                None => {
                    if open.is_some() {
                        break;
                    }
                }
                Some(b'#') => {}
                Some(b' ' | b'\t') => {
                    if line.trim().is_empty() {
                        // Policy wants a dot here; dpkg takes such a line for the end of the paragraph.
                        if open.is_some() {
                            break;
                        }
                        continue;
                    }
                    match &mut open {
                        Some((_, _, end)) => *end = start + line.len(),
                        None => return Err(ControlError::NothingToContinue { line: self.line }),
                    }
                }
                Some(_) => {
                    if line == "\r" {
                        if open.is_some() {
                            break;
                        }
                        continue;
                    }
                    let Some(colon) = memchr::memchr(b':', line.as_bytes()) else {
                        return Err(ControlError::NotAField {
                            line: self.line,
                            text: line.chars().take(60).collect(),
                        });
                    };
                    self.close(open.take(), paragraph);
                    open = Some((line[..colon].trim_end(), start + colon + 1, start + line.len()));
                }
            }
        }
        self.close(open, paragraph);
        Ok(!paragraph.fields.is_empty())
    }

    fn close(&self, open: Option<(&'a str, usize, usize)>, paragraph: &mut Paragraph<'a>) {
        if let Some((name, start, end)) = open {
            paragraph.fields.push(Field { name, value: self.text[start..end].trim() });
        }
    }
}

impl<'a> Iterator for Paragraphs<'a> {
    type Item = Result<Paragraph<'a>, ControlError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut paragraph = Paragraph::default();
        match self.read_into(&mut paragraph) {
            Ok(true) => Some(Ok(paragraph)),
            Ok(false) => None,
            Err(error) => {
                self.position = self.text.len();
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paragraphs_fields_and_continued_lines() -> Result<(), ControlError> {
        let text =
            "\nPackage: a\nDescription: short\n long\n .\n more\n# comment\nversion:1\n\n\nPackage: b\n";
        let paragraphs = Paragraphs::new(text).collect::<Result<Vec<_>, _>>()?;
        assert_eq!(paragraphs.len(), 2);
        assert_eq!(paragraphs[0].get("package"), Some("a"));
        assert_eq!(paragraphs[0].get("Description"), Some("short\n long\n .\n more"));
        assert_eq!(paragraphs[0].get("Version"), Some("1"));
        assert_eq!(paragraphs[1].get("Package"), Some("b"));
        Ok(())
    }

    #[test]
    fn what_is_no_paragraph_is_an_error() {
        assert_eq!(Paragraph::parse(" a\n"), Err(ControlError::NothingToContinue { line: 1 }));
        assert_eq!(Paragraph::parse("A: 1\nb\n"), Err(ControlError::NotAField { line: 2, text: "b".into() }));
        assert_eq!(Paragraph::parse("\n\n"), Err(ControlError::Empty));
    }

    proptest! {
        #[test]
        fn never_panics(text in "[A-C:# \\n\\r\\t\\PC]{0,80}") {
            let _ = Paragraphs::new(&text).count();
        }
    }
}
