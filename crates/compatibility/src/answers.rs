//! Nix's answers, kept: the large corpora take it minutes, and it does not change its mind.

use std::fs;
use std::path::PathBuf;

use nix_store::Hash;

use crate::program::{Answer, Program, Request};
use crate::{Error, Result};

/// A directory of answers.
#[derive(Clone, Debug)]
pub struct Answers {
    directory: PathBuf,
}

impl Answers {
    /// Answers kept in `directory`, which is made when there is something to keep.
    pub fn in_directory(directory: PathBuf) -> Self {
        Answers { directory }
    }

    /// What `program` answers: from memory, if it is a Nix and was asked the same before. `state` stands for all that the
    /// answer depends on besides the request, such as what lies in the files that it names.
    ///
    /// # Errors
    /// Those of [`Program::run`]; answers cannot be read or written.
    pub fn ask(&self, program: &Program, request: &Request, state: &str) -> Result<Answer> {
        let Some(version) = &program.version else { return program.run(request) };
        let arguments: Vec<_> = request.arguments.iter().map(|argument| argument.to_string_lossy()).collect();
        let question = format!("{version}\n{arguments:?}\n{:?}\n{state}", request.environment);
        let file = self.directory.join(Hash::sha256(question.as_bytes()).to_base16());
        match fs::read(&file) {
            Ok(kept) => {
                return serde_json::from_slice(&kept)
                    .map_err(|error| Error::Form { path: file, reason: error.to_string() });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("read", file)(error)),
        }
        let answer = program.run(request)?;
        fs::create_dir_all(&self.directory).map_err(Error::io("make", &self.directory))?;
        let text = serde_json::to_vec(&answer)
            .map_err(|error| Error::Form { path: file.clone(), reason: error.to_string() })?;
        fs::write(&file, text).map_err(Error::io("write", file))?;
        Ok(answer)
    }
}
