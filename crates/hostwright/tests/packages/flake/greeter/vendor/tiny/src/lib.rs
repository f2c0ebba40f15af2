pub fn greeting() -> &'static str { "hello from a vendored crate" }
