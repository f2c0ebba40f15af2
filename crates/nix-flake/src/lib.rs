//! Flake references, lock files and fetchers.
