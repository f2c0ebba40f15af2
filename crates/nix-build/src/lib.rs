//! Realise derivations: scheduler and in-process builders.
