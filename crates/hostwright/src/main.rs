//! The command line: one file a verb; nothing but glue.

fn main() {}
