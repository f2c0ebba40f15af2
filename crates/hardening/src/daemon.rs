//! What a Nix daemon says. It may be anybody's.

use std::collections::BTreeSet;
use std::io::Cursor;

use nix_store::daemon::{BuildMode, DaemonStore, LogMessage, Transport};
use nix_store::{Derivation, StoreDir, StorePath};

/// A greeting of protocol 1.37, so that all bytes are spent on answers.
const GREETING: &[u8] =
    b"oixd\0\0\0\0\x25\x01\0\0\0\0\0\0\x04\0\0\0\0\0\0\x002.26\0\0\0\0\x01\0\0\0\0\0\0\0stla\0\0\0\0";

/// Answers, one after the other, to operations that expect others. All of them are asked anew until one breaks the connection.
pub fn daemon(bytes: &[u8]) {
    let Ok(path) = StorePath::from_parts([1; 20], "x.drv") else { return };
    let ask = |operation: &dyn Fn(&DaemonStore)| {
        let says = Cursor::new([GREETING, bytes].concat());
        let transport = Transport::of_streams("here", says, std::io::sink());
        let daemon = DaemonStore::over(transport, StoreDir::default(), Box::new(|_: &LogMessage| {}));
        assert!(daemon.is_ok(), "the greeting is right");
        if let Ok(daemon) = daemon {
            operation(&daemon);
        }
    };
    ask(&|daemon| drop(daemon.query(&path)));
    ask(&|daemon| drop(daemon.query_many(&vec![path.clone(); 3])));
    ask(&|daemon| drop(daemon.closure([&path])));
    ask(&|daemon| drop(daemon.derivation_outputs(&path)));
    ask(&|daemon| drop(daemon.find_roots()));
    ask(&|daemon| drop(daemon.query_missing(&[])));
    ask(&|daemon| drop(daemon.build_paths_with_results(&[], BuildMode::Normal)));
    ask(&|daemon| drop(daemon.build_derivation(&path, &Derivation::new("x"), BuildMode::Normal)));
    ask(&|daemon| drop(daemon.nar_from_path(&path, &mut std::io::sink())));
    ask(&|daemon| drop(daemon.query_valid_paths(std::slice::from_ref(&path), false)));
    ask(&|daemon| drop(daemon.add_signatures(&path, &BTreeSet::new())));
}

/// Inputs to begin with: an information, a failed and a successful build, an error, and messages on the way.
pub const SEEDS: &[&[u8]] = &[
    b"stla\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\x01\0\0\0\0\0\0\0\x2d\0\0\0\0\0\0\0/nix/store/04106107081090h0210410810g2081040-\0\0\0",
    b"stla\0\0\0\0\x03\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0oops\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    b"stla\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0x!out\0\0\0\x37\0\0\0\0\0\0\0{\"outPath\":\"00000000000000000000000000000000-x\",\"id\":\"\"}\0",
    b"ptxc\0\0\0\0\x05\0\0\0\0\0\0\0Error\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0Error\0\0\0\x04\0\0\0\0\0\0\0\x1b[1mx\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    b"gmlo\0\0\0\0\x04\0\0\0\0\0\0\0line\0\0\0\0TRTS\0\0\0\0\x07\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x69\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0x\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0TLSR\0\0\0\0\x07\0\0\0\0\0\0\0\x65\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0POTS\0\0\0\0\x07\0\0\0\0\0\0\0stla\0\0\0\0\x01\0\0\0\0\0\0\0",
];
