//! Finding things by words in their names and descriptions.

/// How well something fits, the best first; `None` if a word is neither in its name nor in its description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It has the name.
    Name,
    /// It is below the name: `services.nginx.enable` for `services.nginx`.
    Below,
    /// A part of its name is a word: `services.nginx.enable` for `nginx`.
    Part,
    /// All words are in its name.
    InName,
    /// Some are only in its description.
    InDescription,
}

/// How well something fits words, without regard to case.
pub fn fit(words: &[String], name: &str, description: &str) -> Option<Fit> {
    let name = name.to_lowercase();
    let description = description.to_lowercase();
    let words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let in_name = |word: &String| name.contains(word.as_str());
    if !words.iter().all(|word| in_name(word) || description.contains(word.as_str())) {
        return None;
    }
    if let [word] = words.as_slice() {
        if name == *word {
            return Some(Fit::Name);
        }
        if name.strip_prefix(word.as_str()).is_some_and(|rest| rest.starts_with(['.', '-'])) {
            return Some(Fit::Below);
        }
    }
    let parts: Vec<&str> = name.split(['.', '-']).collect();
    if words.iter().all(|word| parts.contains(&word.as_str())) {
        return Some(Fit::Part);
    }
    Some(if words.iter().all(in_name) { Fit::InName } else { Fit::InDescription })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_before_descriptions() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let found = |query: &str, name: &str| fit(&words(query), name, "Whether the web server is there.");
        assert_eq!(found("services.nginx", "services.nginx"), Some(Fit::Name));
        assert_eq!(found("Services.nginx", "services.nginx.enable"), Some(Fit::Below));
        assert_eq!(found("nginx", "services.nginx.enable"), Some(Fit::Part));
        assert_eq!(found("ngin enab", "services.nginx.enable"), Some(Fit::InName));
        assert_eq!(found("nginx SERVER", "services.nginx.enable"), Some(Fit::InDescription));
        assert_eq!(found("nginx apache", "services.nginx.enable"), None);
        assert!(Fit::Name < Fit::InDescription);
    }
}
