//! Documentation comments: `/** … */` before a function or before the attribute that it is the value of (RFC 145).

/// The text of the comment that documents the function at `offset`, without the indentation of its lines.
pub(crate) fn before(text: &[u8], offset: usize) -> Option<String> {
    let mut rest = text.get(..offset)?;
    loop {
        rest = rest.trim_ascii_end();
        if let Some(comment) = comment_at_end(rest) {
            return Some(dedented(&String::from_utf8_lossy(comment)));
        }
        // `(x: …)` and `name = x: …` are documented before the parenthesis or the name.
        rest = match rest.split_last()? {
            (b'(', before) => before,
            (b'=', before) => without_name(before.trim_ascii_end())?,
            _ => return None,
        };
    }
}

/// The inside of a documentation comment that a text ends with.
fn comment_at_end(text: &[u8]) -> Option<&[u8]> {
    let inside = text.strip_suffix(b"*/")?;
    let start = memchr::memmem::rfind(inside, b"/*")?;
    let comment = inside[start..].strip_prefix(b"/**")?;
    (!comment.is_empty()).then_some(comment)
}

/// A text without the attribute path that it ends with.
fn without_name(text: &[u8]) -> Option<&[u8]> {
    let is_name =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'\'' | b'.' | b'"');
    let end = text.iter().rposition(|byte| !is_name(*byte)).map_or(0, |place| place + 1);
    (end < text.len()).then(|| &text[..end])
}

/// The lines of a comment, without the blanks that all of them begin with and without empty ones around.
fn dedented(comment: &str) -> String {
    let mut lines = comment.lines();
    let first = lines.next().unwrap_or_default().trim();
    let rest: Vec<&str> = lines.collect();
    let indentation = rest
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap_or(0);
    let rest = rest.iter().map(|line| line.get(indentation..).unwrap_or_default().trim_end());
    let text: Vec<&str> = std::iter::once(first).chain(rest).collect();
    text.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::before;

    fn of(text: &str) -> Option<String> {
        before(text.as_bytes(), text.find("x:").unwrap())
    }

    #[test]
    fn comments_are_found_before_functions_and_their_names() {
        assert_eq!(of("/** Itself. */ x: x").unwrap(), "Itself.");
        assert_eq!(of("{ /** Itself. */\n  id = x: x; }").unwrap(), "Itself.");
        assert_eq!(of("{ /** Itself. */ a.b.\"c\" = (x: x); }").unwrap(), "Itself.");
        assert_eq!(
            of("{\n  /**\n    First.\n\n      Code.\n  */\n  id = x: x; }").unwrap(),
            "First.\n\n  Code."
        );
        assert_eq!(of("/* An ordinary one. */ x: x"), None);
        assert_eq!(of("/**/ x: x"), None);
        assert_eq!(of("{ /** Of a. */ a = 1; b = x: x; }"), None);
    }
}
