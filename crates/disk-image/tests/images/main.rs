//! Images checked by the programs that others use on them: e2fsprogs, dosfstools, mtools, gdisk, util-linux, cpio, QEMU.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod archive;
mod disk;
mod ext4;
mod ext4_limits;
mod ext4_reader;
mod fat;
mod qcow2;
mod random_tree;
mod tools;
