//! What a builder may not ask of the kernel: seccomp(2), mode filter.
//!
//! As in Nix: no setuid and setgid bits, no extended attributes (which not all file systems have, and no store keeps). The filter
//! is assembled here, as one has to serve all ABIs of a machine: a 32-bit program on a 64-bit machine is no reason to be killed.

use std::io;

use seccompiler::{apply_filter, sock_filter};

/// Restricts the calling process, and all that it starts.
pub(super) fn restrict() -> io::Result<()> {
    apply_filter(&filter()).map_err(|error| match error {
        seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error) => error,
        other => io::Error::other(other.to_string()),
    })
}

/// Set user or group on execution (inode(7)).
const SET_ID_BITS: u32 = 0o6000;

/// O_CREAT, the same number on all systems here.
const CREATE: u32 = 0o100;

/// Calls that take a file's mode: which argument it is, and which one has the flags that say whether it counts.
#[derive(Clone, Copy)]
struct ModeCall {
    number: u32,
    mode: u8,
    flags: Option<u8>,
}

const fn sets_mode(number: u32, mode: u8) -> ModeCall {
    ModeCall { number, mode, flags: None }
}

const fn opens(number: u32, flags: u8) -> ModeCall {
    ModeCall { number, mode: flags + 1, flags: Some(flags) }
}

/// The system calls of one ABI, by number.
struct Abi {
    /// AUDIT_ARCH of linux/audit.h.
    architecture: u32,
    mode_calls: &'static [ModeCall],
    attribute_calls: &'static [u32],
}

/// The bit by which x32 programs call an x86-64 kernel; their calls are the same here.
const X32: u32 = 0x4000_0000;

/// chmod, fchmod, fchmodat, fchmodat2, creat, open, openat, mknod, mknodat; setxattr, lsetxattr, fsetxattr, setxattrat. openat2
/// has its mode in memory, where a filter cannot look; what it makes is put right when the output is taken.
const ABIS: [Abi; 5] = [
    Abi {
        architecture: 0xc000_003e, // x86-64
        mode_calls: &[
            sets_mode(90, 1),
            sets_mode(91, 1),
            sets_mode(268, 2),
            sets_mode(452, 2),
            sets_mode(85, 1),
            opens(2, 1),
            opens(257, 2),
            sets_mode(133, 1),
            sets_mode(259, 2),
        ],
        attribute_calls: &[188, 189, 190, 463],
    },
    Abi {
        architecture: 0x4000_0003, // i386
        mode_calls: &[
            sets_mode(15, 1),
            sets_mode(94, 1),
            sets_mode(306, 2),
            sets_mode(452, 2),
            sets_mode(8, 1),
            opens(5, 1),
            opens(295, 2),
            sets_mode(14, 1),
            sets_mode(297, 2),
        ],
        attribute_calls: &[226, 227, 228, 463],
    },
    Abi {
        architecture: 0xc000_00b7, // aarch64
        mode_calls: &[sets_mode(52, 1), sets_mode(53, 2), sets_mode(452, 2), opens(56, 2), sets_mode(33, 2)],
        attribute_calls: &[5, 6, 7, 463],
    },
    Abi {
        architecture: 0x4000_0028, // arm
        mode_calls: &[
            sets_mode(15, 1),
            sets_mode(94, 1),
            sets_mode(333, 2),
            sets_mode(452, 2),
            sets_mode(8, 1),
            opens(5, 1),
            opens(322, 2),
            sets_mode(14, 1),
            sets_mode(324, 2),
        ],
        attribute_calls: &[226, 227, 228, 463],
    },
    Abi {
        architecture: 0xc000_00f3, // riscv64
        mode_calls: &[sets_mode(52, 1), sets_mode(53, 2), sets_mode(452, 2), opens(56, 2), sets_mode(33, 2)],
        attribute_calls: &[5, 6, 7, 463],
    },
];

// linux/bpf_common.h and linux/seccomp.h.
const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_ANY_BIT: u16 = 0x45;
const JUMP: u16 = 0x05;
const RETURN: u16 = 0x06;
const ALLOW: u32 = 0x7fff_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const FAIL: u32 = 0x0005_0000;
const EPERM: u32 = 1;
const ENOTSUP: u32 = 95;

// struct seccomp_data: number, architecture, instruction pointer, six arguments of 64 bits.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// The lower half of an argument, where modes and flags are.
fn argument(index: u8) -> u32 {
    let low = if cfg!(target_endian = "big") { 4 } else { 0 };
    16 + 8 * u32::from(index) + low
}

fn statement(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

/// Goes on with the next statement if the condition holds, else leaves out `otherwise` ones.
fn unless(code: u16, k: u32, otherwise: u8) -> sock_filter {
    sock_filter { code, jt: 0, jf: otherwise, k }
}

fn filter() -> Vec<sock_filter> {
    let mut program = vec![statement(LOAD, ARCHITECTURE)];
    for abi in &ABIS {
        let body = filter_of(abi);
        program.push(sock_filter { code: JUMP_IF_EQUAL, jt: 1, jf: 0, k: abi.architecture });
        program.push(statement(JUMP, body.len() as u32));
        program.extend(body);
    }
    // Whoever calls the kernel like nobody on this machine evades the rules.
    program.push(statement(RETURN, KILL_PROCESS));
    program
}

fn filter_of(abi: &Abi) -> Vec<sock_filter> {
    let mut program = vec![statement(LOAD, NUMBER), statement(AND, !X32)];
    for call in abi.attribute_calls {
        program.push(unless(JUMP_IF_EQUAL, *call, 1));
        program.push(statement(RETURN, FAIL | ENOTSUP));
    }
    for call in abi.mode_calls {
        // The number must be loaded again after a call's arguments were: such a rule always returns instead.
        let mut rule = Vec::new();
        if let Some(flags) = call.flags {
            rule.push(statement(LOAD, argument(flags)));
            rule.push(unless(JUMP_IF_ANY_BIT, CREATE, 3));
        }
        rule.push(statement(LOAD, argument(call.mode)));
        rule.push(unless(JUMP_IF_ANY_BIT, SET_ID_BITS, 1));
        rule.push(statement(RETURN, FAIL | EPERM));
        rule.push(statement(RETURN, ALLOW));
        program.push(unless(JUMP_IF_EQUAL, call.number, rule.len() as u8));
        program.extend(rule);
    }
    program.push(statement(RETURN, ALLOW));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel's interpreter would return.
    fn run(program: &[sock_filter], number: u32, architecture: u32, arguments: [u64; 6]) -> u32 {
        let mut data = Vec::new();
        data.extend(number.to_ne_bytes());
        data.extend(architecture.to_ne_bytes());
        data.extend(0u64.to_ne_bytes());
        arguments.iter().for_each(|argument| data.extend(argument.to_ne_bytes()));
        let (mut position, mut accumulator) = (0, 0u32);
        loop {
            let statement = &program[position];
            position += 1;
            let jump = |holds: bool| usize::from(if holds { statement.jt } else { statement.jf });
            match statement.code {
                LOAD => {
                    let at = statement.k as usize;
                    accumulator = u32::from_ne_bytes(data[at..at + 4].try_into().unwrap());
                }
                AND => accumulator &= statement.k,
                JUMP_IF_EQUAL => position += jump(accumulator == statement.k),
                JUMP_IF_ANY_BIT => position += jump(accumulator & statement.k != 0),
                JUMP => position += statement.k as usize,
                RETURN => return statement.k,
                other => panic!("statement {other:#x}"),
            }
        }
    }

    #[test]
    fn set_id_bits_and_extended_attributes_are_refused() {
        let program = filter();
        let (x86_64, i386, aarch64) = (0xc000_003e, 0x4000_0003, 0xc000_00b7);
        let refused = FAIL | EPERM;
        for (architecture, number, arguments, expected) in [
            (x86_64, 90, [0, 0o755, 0, 0, 0, 0], ALLOW),
            (x86_64, 90, [0, 0o4755, 0, 0, 0, 0], refused),
            (x86_64, 90 | X32, [0, 0o4755, 0, 0, 0, 0], refused),
            (x86_64, 91, [0, 0o2755, 0, 0, 0, 0], refused),
            (x86_64, 268, [0, 0, 0o4000, 0, 0, 0], refused),
            (x86_64, 452, [0, 0o4000, 0o755, 0, 0, 0], ALLOW),
            (x86_64, 2, [0, 0, 0o4755, 0, 0, 0], ALLOW),
            (x86_64, 2, [0, 0o101, 0o4755, 0, 0, 0], refused),
            (x86_64, 257, [0, 0, 0o101, 0o644, 0, 0], ALLOW),
            (x86_64, 257, [0, 0, 0o101, 0o6644, 0, 0], refused),
            (x86_64, 188, [0; 6], FAIL | ENOTSUP),
            (x86_64, 59, [u64::MAX; 6], ALLOW),
            (i386, 15, [0, 0o4755, 0, 0, 0, 0], refused),
            (i386, 90, [0, 0o4755, 0, 0, 0, 0], ALLOW),
            (aarch64, 53, [0, 0, 0o4755, 0, 0, 0], refused),
            (0x1234, 1, [0; 6], KILL_PROCESS),
        ] {
            let result = run(&program, number, architecture, arguments);
            assert_eq!(result, expected, "call {number} of {architecture:#x} with {arguments:?}");
        }
    }
}
