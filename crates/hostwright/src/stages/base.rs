//! Files of the Debian base, evaluated by themselves.

use std::path::Path;

use nix_expr::evaluate as run_evaluation;
use nix_flake::BundledTrees;

use super::evaluate;
use super::world::World;
use crate::commands::Session;
use crate::failure::Failure;

/// What a file of the base comes to, as JSON. The file is a function of one argument, which is given as an expression in which
/// `base` is the directory of the base.
pub fn json(session: &Session, file: &str, argument: &str) -> Result<String, Failure> {
    let bundled = session.bundled(None);
    let Some(tree) = bundled.tree("debian")? else {
        return Err(
            nix_flake::Error::UnknownBundled { name: "debian".to_owned(), known: bundled.names() }.into()
        );
    };
    let settings = evaluate::settings(session, false);
    let world = World::new(session, evaluate::files(session, false), Vec::new());
    let file = tree.directory.join(file);
    let argument = format!("base: {argument}");
    session.progress.stage("evaluate", "Evaluating", || {
        let result = run_evaluation(&settings, &world, |evaluation| {
            let base = evaluation.path(&tree.directory);
            let argument = evaluation.evaluate_text(&argument, "«argument»", Path::new("/"))?;
            let argument = evaluation.call(argument, &[base])?;
            let function = evaluation.evaluate_file(&file)?;
            Ok(evaluation.to_json(evaluation.call(function, &[argument])?)?.text)
        });
        Ok(result?)
    })
}
