//! Verified, parallel, resumable downloads.
