//! Realises derivations of a store: `realise ROOT DERIVATION…`, the derivations by their base names.

use std::error::Error;
use std::process::ExitCode;

use nix_build::Cancellation;
use nix_build::realise::{NoObserver, Settings, Wanted, plan, realise};
use nix_build::sandbox::become_helper;
use nix_store::{LocalStore, StorePath, StoreRoot};

fn main() -> ExitCode {
    if let Some(ended) = become_helper(std::env::args_os().skip(1)) {
        return ended;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("realise: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            if let Some(nix_build::Error::Failed { failures, .. }) = error.downcast_ref() {
                for failure in failures {
                    eprintln!("  {failure}: {}", failure.cause);
                }
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().ok_or("usage: realise ROOT DERIVATION…")?;
    let store = LocalStore::open(StoreRoot::new(&root))?;
    let wanted = arguments
        .map(|name| Ok(Wanted::all(StorePath::from_base_name(&name)?)))
        .collect::<Result<Vec<_>, nix_store::Error>>()?;
    let plan = plan(&store, &wanted)?;
    let realised = realise(&store, &plan, &Settings::default(), &NoObserver, &Cancellation::new())?;
    for path in realised.outputs.iter().flat_map(|(_, outputs)| outputs.values()) {
        println!("{}", store.directory().display(path));
    }
    Ok(())
}
