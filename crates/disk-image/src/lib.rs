//! Partition tables and file systems written without root: a closure to bootable bytes.
