//! Debian archives: indices, signatures, dependency resolution, the package lock, unpacking.
