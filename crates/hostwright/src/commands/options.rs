//! `hostwright options QUERY`

use super::Session;
use crate::arguments::OptionsArguments;
use crate::failure::Failure;
use crate::output;
use crate::stages::flake::write_atomically;
use crate::stages::option_reference::{OptionRecord, json, of_base, of_host, page};
use crate::stages::search::fit;

/// Longer values are cut, but in JSON and on the page.
const LINES_MOST: usize = 6;

/// Looks for options.
pub fn run(session: &Session, arguments: &OptionsArguments) -> Result<(), Failure> {
    let all = match &arguments.flake {
        Some(flake) => of_host(session, flake)?,
        None => of_base(session)?,
    };
    let mut found: Vec<_> = all
        .into_iter()
        .filter_map(|option| Some((fit(&arguments.query, &option.name, &option.description)?, option)))
        .collect();
    if !arguments.query.is_empty() {
        found.sort_by(|(left, one), (right, other)| (left, &one.name).cmp(&(right, &other.name)));
    }
    let found: Vec<OptionRecord> = found.into_iter().map(|(_, option)| option).collect();
    if let Some(file) = &arguments.html {
        write_atomically(file, page(&found)?.as_bytes()).map_err(|source| Failure::File {
            action: "write",
            path: file.clone(),
            source,
        })?;
        session.progress.say(&format!(
            "Wrote {}: {}.",
            file.display(),
            output::counted(found.len(), "option")
        ));
        return Ok(());
    }
    if arguments.json {
        return output::line(&json(&found)?);
    }
    if found.is_empty() {
        session.progress.say("No option has these words in its name or description.");
    }
    output::write(&found.iter().map(text).collect::<String>())
}

fn text(option: &OptionRecord) -> String {
    let mut text = format!("{}\n", option.name);
    let mut line = |title: &str, value: &str| {
        let lines: Vec<&str> = value.lines().collect();
        for (number, line) in lines.iter().take(LINES_MOST).enumerate() {
            let title = if number == 0 { title } else { "" };
            text.push_str(format!("    {title:9}{line}").trim_end());
            text.push('\n');
        }
        if lines.len() > LINES_MOST {
            text.push_str("             …\n");
        }
    };
    line("", &option.description);
    line("type", &format!("{}{}", option.kind, if option.read_only { ", read only" } else { "" }));
    line("default", option.default.as_deref().unwrap_or_default());
    line("example", option.example.as_deref().unwrap_or_default());
    line("in", &option.declarations.join(", "));
    text
}
