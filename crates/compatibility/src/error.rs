//! Why a comparison could not be made.

use std::path::PathBuf;

/// The result of a step of a comparison.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a comparison could not be made. That two evaluators differ is no error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or directory could not be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done with it.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A program could not be run.
    #[error("cannot run {}", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A program that is to serve as Nix does not say which version it is.
    #[error("{} is no nix-instantiate: '--version' printed '{printed}'", program.display())]
    NotNix {
        /// The program.
        program: PathBuf,
        /// What it printed.
        printed: String,
    },
    /// A program gave an answer that cannot be understood.
    #[error("{program} gave an answer that is not what was asked for: {answer}")]
    Answer {
        /// The program.
        program: String,
        /// The answer, perhaps shortened.
        answer: String,
    },
    /// A directory is not the corpus that it was given for.
    #[error("{} is not {wanted}: it has no {missing}", directory.display())]
    NotACorpus {
        /// The directory.
        directory: PathBuf,
        /// What was wanted.
        wanted: &'static str,
        /// What it lacks.
        missing: String,
    },
    /// A file of this program's own does not have the form that it should have.
    #[error("{} cannot be read: {reason}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Error {
    /// An error of `action` at `path`.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { action, path, source }
    }
}
