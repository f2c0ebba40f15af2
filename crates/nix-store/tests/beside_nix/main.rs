//! Everything beside the real Nix. These tests need Debian's `nix-bin` on the machine; they fail without it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

mod collection;
mod daemon;
mod local;
mod nix;
mod optimisation;
mod pure;
mod signatures;
mod ssh;
mod stress;
mod upkeep;

/// Two fixed-output derivations that differ only in their builder, a derivation with three outputs that uses
/// both (their hashes are equal and become one input), one that uses some of those, and awkward strings.
pub const GRAPH: &str = r#"
    let
      fetch = builder: derivation {
        name = "source.tar"; system = "x"; inherit builder;
        outputHashMode = "flat"; outputHashAlgo = "sha256"; outputHash = builtins.hashString "sha256" "a";
      };
      tree = derivation {
        name = "tree"; system = "x"; builder = "/b";
        outputHashMode = "recursive"; outputHashAlgo = "sha1"; outputHash = builtins.hashString "sha1" "a";
      };
      library = derivation {
        name = "library"; system = "x"; builder = "/b"; outputs = [ "out" "dev" "man" ];
        sources = [ (fetch "/one") (fetch "/two") tree ]; text = "\"\\ \n\r\t $é ${"\${}"}";
        args = [ "b" "a" "a" (builtins.toFile "script" "echo") ];
      };
    in derivation {
      name = "program-1.0"; system = "x"; builder = "${library.dev}/bin/b"; man = library.man; empty = "";
    }
"#;
