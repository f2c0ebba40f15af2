//! `hostwright man`

use clap::CommandFactory;
use clap_mangen::Man;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::output;

/// Prints one manual page: the program's, followed by its commands'.
pub fn run() -> Result<(), Failure> {
    let mut command = Arguments::command();
    command.build();
    let mut page = Vec::new();
    let failed = |source| Failure::StandardOutput { source };
    Man::new(command.clone()).render(&mut page).map_err(failed)?;
    for verb in command.get_subcommands() {
        let verb = Man::new(verb.clone());
        let mut part = Vec::new();
        verb.render_name_section(&mut part).map_err(failed)?;
        verb.render_synopsis_section(&mut part).map_err(failed)?;
        verb.render_options_section(&mut part).map_err(failed)?;
        verb.render_extra_section(&mut part).map_err(failed)?;
        page.extend(part);
    }
    output::write(&String::from_utf8_lossy(&page))
}
