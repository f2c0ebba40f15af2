//! Store paths, hashes, derivations, NAR, and the local Nix store.
