//! Giving a host the closure of a generation: only what it lacks, which one question finds out.
//!
//! What the generation that runs there needs, it has; so only the rest is asked about, and the answer of its Nix decides.
//! Missing paths go to `nix-daemon --stdio` over the host's connection, compressed with zstd where the host has it and by SSH
//! else, each after those that it refers to and valid as soon as it is whole: what came before an interruption need not
//! come again. While the connection lasts, its temporary roots keep a collector away.
//!
//! A tree that resembles one of the running generation is not sent: `recipe` says how it is made out of that one by hard
//! links, and `host/rebuild.pl` makes it. A host's `/usr` of some hundred megabytes costs then what has changed in it.

mod closure;
mod packed;
mod recipe;

pub use closure::{CopyReport, CopySettings, Lacking, copy_closure};
pub use recipe::{Recipe, Step};
