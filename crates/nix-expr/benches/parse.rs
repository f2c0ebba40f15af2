//! Parsing, beside rnix: `cargo bench -p nix-expr --bench parse -- FILE`
//!
//! The file is an expression whose value is a string, such as the `drvPath` of a NixOS system. What is parsed are the Nix
//! files that its evaluation reads, out of memory, on one thread, each by a new tree as an evaluation would; the two
//! parsers take turns, and medians are shown. Ours interns names and strips indentation on the way; rnix keeps every byte
//! of the text, comments included, as tools for editing want it.

#![allow(clippy::unwrap_used, reason = "a failed benchmark has no figures")]

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bumpalo::Bump;
use nix_expr::syntax::{ParseOptions, parse};
use nix_expr::{FileSystemIo, Observer, Position, Question, Settings, StackLimit, SymbolTable, evaluate};

const ROUNDS: usize = 9;
const STACK: usize = 64 << 20;

struct Source {
    directory: Vec<u8>,
    text: String,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [file] = arguments.as_slice() else {
        println!("cargo bench -p nix-expr --bench parse -- FILE");
        return;
    };
    let sources = sources_of(Path::new(file));
    // rnix recurses, too, and has no limit of its own.
    std::thread::Builder::new().stack_size(STACK).spawn(move || compare(&sources)).unwrap().join().unwrap();
}

/// The Nix files that an evaluation reads.
fn sources_of(file: &Path) -> Vec<Source> {
    let world = FileSystemIo::default();
    let observer = Observer::new(&world);
    evaluate(&Settings::default(), &observer, |session| {
        let value = session.evaluate_file(file)?;
        session.to_text(value)
    })
    .unwrap();
    let questions = observer.observations().unwrap().into_keys();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        let directory = path.parent()?.as_os_str().as_encoded_bytes().to_vec();
        Some(Source { directory, text })
    };
    questions
        .filter_map(|question| match question {
            Question::File(path) if path.extension().is_some_and(|extension| extension == "nix") => {
                read(path)
            }
            _ => None,
        })
        .collect()
}

fn compare(sources: &[Source]) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(timed(|| parse_all(sources)));
        theirs
            .push(timed(|| sources.iter().all(|source| rnix::Root::parse(&source.text).errors().is_empty())));
    }
    let bytes: usize = sources.iter().map(|source| source.text.len()).sum();
    let (ours, theirs) = (median(ours), median(theirs));
    println!("{} files, {:.1} MB", sources.len(), bytes as f64 / 1e6);
    println!("ours {:.3} s, rnix {:.3} s: {:.2} of ours", ours, theirs, theirs / ours);
}

fn parse_all(sources: &[Source]) -> bool {
    let symbols = SymbolTable::new();
    let mut scratch = Bump::new();
    let mut whole = true;
    for source in sources {
        let options = ParseOptions { base_directory: &source.directory, home: None, pipe_operators: false };
        let stack = StackLimit::with_remaining(STACK);
        let text = source.text.as_bytes();
        whole &= black_box(parse(text, Position::NONE, options, &symbols, &scratch, stack)).is_ok();
        scratch.reset();
    }
    whole
}

fn timed(parse: impl FnOnce() -> bool) -> f64 {
    let start = Instant::now();
    assert!(black_box(parse()), "a file was not parsed");
    start.elapsed().as_secs_f64()
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
