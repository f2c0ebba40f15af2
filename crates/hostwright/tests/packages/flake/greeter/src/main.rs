fn main() { println!("{}", tiny::greeting()); }
#[test]
fn greets() { assert_eq!(tiny::greeting(), "hello from a vendored crate"); }
