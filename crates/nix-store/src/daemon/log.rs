//! What a daemon says while it works.

use std::io::Read;

use super::wire::{read_list, read_number, read_text};
use crate::error::{Error, Result};

/// Kinds of activities, by the numbers that the protocol has for them (`logging.hh` of Nix).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ActivityKind(pub u64);

impl ActivityKind {
    /// A path is copied between stores.
    pub const COPY_PATH: Self = ActivityKind(100);
    /// A file is downloaded or uploaded.
    pub const FILE_TRANSFER: Self = ActivityKind(101);
    /// A derivation is built. Its first field is the derivation.
    pub const BUILD: Self = ActivityKind(105);
    /// A path is fetched from a substituter.
    pub const SUBSTITUTE: Self = ActivityKind(108);
}

/// Kinds of results of activities, by the numbers that the protocol has for them (`logging.hh` of Nix).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResultKind(pub u64);

impl ResultKind {
    /// A line of a build's output, the only field.
    pub const BUILD_LOG_LINE: Self = ResultKind(101);
    /// A build entered the phase that is the only field.
    pub const SET_PHASE: Self = ResultKind(104);
    /// How far an activity is: done, expected, running, failed.
    pub const PROGRESS: Self = ResultKind(105);
}

/// A value that comes with an activity or result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
}

/// Something that a daemon says while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogMessage {
    /// A message for people.
    Line(String),
    /// An activity began.
    Started {
        /// Its number in this connection.
        id: u64,
        /// The activity that it is part of; 0 if none.
        parent: u64,
        /// Its importance: 0 is an error, 7 the finest detail.
        level: u64,
        /// What it is.
        kind: ActivityKind,
        /// What it is, for people.
        text: String,
        /// Details, which depend on the kind.
        fields: Vec<Field>,
    },
    /// An activity ended.
    Stopped {
        /// Its number.
        id: u64,
    },
    /// An activity has something to tell.
    Result {
        /// Its number.
        id: u64,
        /// What it tells.
        kind: ResultKind,
        /// Details, which depend on the kind.
        fields: Vec<Field>,
    },
}

impl LogMessage {
    /// The line, if this is one of the output of a build.
    pub fn build_log_line(&self) -> Option<&str> {
        match self {
            LogMessage::Result { kind: ResultKind::BUILD_LOG_LINE, fields, .. } => match fields.first() {
                Some(Field::Text(line)) => Some(line),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Gets what a daemon says, perhaps from another thread than the one that waits for its answer.
pub type LogObserver<'observer> = dyn Fn(&LogMessage) + Send + Sync + 'observer;

/// What introduces a message (`worker-protocol.hh` of Nix). The names are ours.
const NEXT: u64 = 0x6f6c_6d67;
const LAST: u64 = 0x616c_7473;
const ERROR: u64 = 0x6378_7470;
const START_ACTIVITY: u64 = 0x5354_5254;
const STOP_ACTIVITY: u64 = 0x5354_4f50;
const RESULT: u64 = 0x5253_4c54;

/// Passes messages on until the daemon has an answer, which follows.
///
/// # Errors
/// [`Error::Daemon`] with what the daemon says that went wrong.
pub(super) fn until_answer(reader: &mut (impl Read + ?Sized), observer: &LogObserver<'_>) -> Result<()> {
    loop {
        let message = match read_number(reader)? {
            LAST => return Ok(()),
            ERROR => return Err(read_error(reader)?),
            NEXT => LogMessage::Line(read_text(reader)?.trim_end().to_owned()),
            START_ACTIVITY => {
                let id = read_number(reader)?;
                let level = read_number(reader)?;
                let kind = ActivityKind(read_number(reader)?);
                let text = read_text(reader)?;
                let fields = read_fields(reader)?;
                LogMessage::Started { id, parent: read_number(reader)?, level, kind, text, fields }
            }
            STOP_ACTIVITY => LogMessage::Stopped { id: read_number(reader)? },
            RESULT => LogMessage::Result {
                id: read_number(reader)?,
                kind: ResultKind(read_number(reader)?),
                fields: read_fields(reader)?,
            },
            _ => return Err(Error::MalformedMessage { problem: "an unknown kind of message" }),
        };
        observer(&message);
    }
}

fn read_fields(reader: &mut (impl Read + ?Sized)) -> Result<Vec<Field>> {
    read_list(reader, |reader| match read_number(reader)? {
        0 => Ok(Field::Number(read_number(reader)?)),
        1 => Ok(Field::Text(read_text(reader)?)),
        _ => Err(Error::MalformedMessage { problem: "an unknown type of field" }),
    })
}

/// An error as protocol 1.26 and later have it.
fn read_error(reader: &mut (impl Read + ?Sized)) -> Result<Error> {
    let no_position = |reader: &mut _| match read_number(reader)? {
        0 => Ok(()),
        _ => Err(Error::MalformedMessage { problem: "an error with a position" }),
    };
    read_text(reader)?;
    read_number(reader)?;
    read_text(reader)?;
    let mut message = read_text(reader)?;
    no_position(&mut *reader)?;
    let traces = read_list(reader, |reader| {
        no_position(reader)?;
        read_text(reader)
    })?;
    for trace in traces {
        message.push_str("\n… ");
        message.push_str(&trace);
    }
    Ok(Error::Daemon { message: without_colours(&message) })
}

/// The text without the sequences that colour it on a terminal (ECMA-48, section 5.4).
pub(super) fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..start]);
        let sequence = &rest[start + 2..];
        let end = sequence.find(|character: char| ('@'..='~').contains(&character));
        rest = end.map_or("", |end| &sequence[end + 1..]);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::super::wire::Message;
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn messages_come_before_the_answer() {
        let mut message = Message::default();
        message.number(NEXT).string("hello\n");
        message.number(START_ACTIVITY).number(7).number(3).number(105).string("building");
        message.number(2).number(0).number(5).number(1).string("x").number(6);
        message.number(RESULT).number(7).number(101).number(1).number(1).string("a line");
        message.number(STOP_ACTIVITY).number(7).number(LAST).number(99);
        let seen = Mutex::new(Vec::new());
        let mut bytes = message.as_bytes();
        let observer = |message: &LogMessage| seen.lock().unwrap().push(message.clone());
        until_answer(&mut bytes, &observer).unwrap();
        assert_eq!(read_number(&mut bytes).unwrap(), 99);
        let seen = seen.into_inner().unwrap();
        assert_eq!(seen.len(), 4);
        assert_eq!(seen[0], LogMessage::Line("hello".to_owned()));
        assert_eq!(seen[2].build_log_line(), Some("a line"));
    }

    #[test]
    fn an_error_has_the_daemons_text() {
        let mut message = Message::default();
        message.number(ERROR).string("Error").number(0).string("").string("\u{1b}[31;1mno\u{1b}[0m path");
        message.number(0).number(1).number(0).string("while looking");
        let error = until_answer(&mut message.as_bytes(), &|_: &LogMessage| {}).unwrap_err();
        assert_eq!(error.to_string(), "the Nix daemon says: no path\n… while looking");
        for bytes in [&b"unknown!"[..], &[], &LAST.to_le_bytes()[..5]] {
            assert!(until_answer(&mut &*bytes, &|_: &LogMessage| {}).is_err());
        }
    }
}
