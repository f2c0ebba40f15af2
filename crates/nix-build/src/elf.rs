//! What an ELF program needs to run: its loader and its shared libraries (System V ABI, chapter 5; ld.so(8)).

use object::read::elf::{Dyn, ElfFile32, ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, elf};

/// The dynamic section of a program or library, as far as it says what else is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DynamicNeeds {
    /// The loader's path; none for a library or a static program.
    pub interpreter: Option<String>,
    /// Names of libraries, in order.
    pub libraries: Vec<String>,
    /// Directories to look for them in before the usual ones, `$ORIGIN` not replaced.
    pub run_path: Vec<String>,
}

/// Reads what a program or library needs. A static program needs nothing.
///
/// # Errors
/// What is wrong with the file.
pub fn dynamic_needs(bytes: &[u8]) -> Result<DynamicNeeds, String> {
    let describe = |error: object::Error| format!("it is not a usable ELF file: {error}");
    match object::FileKind::parse(bytes).map_err(describe)? {
        object::FileKind::Elf32 => {
            let file = ElfFile32::<Endianness>::parse(bytes).map_err(describe)?;
            needs_of(file.elf_header(), file.endian(), bytes).map_err(describe)
        }
        object::FileKind::Elf64 => {
            let file = ElfFile64::<Endianness>::parse(bytes).map_err(describe)?;
            needs_of(file.elf_header(), file.endian(), bytes).map_err(describe)
        }
        _ => Err(String::from("it is not an ELF file")),
    }
}

fn needs_of<Header: FileHeader<Endian = Endianness>>(
    header: &Header,
    endian: Endianness,
    bytes: &[u8],
) -> object::Result<DynamicNeeds> {
    let segments = header.program_headers(endian, bytes)?;
    let mut needs = DynamicNeeds::default();
    let mut entries: &[Header::Dyn] = &[];
    for segment in segments {
        if let Some(interpreter) = segment.interpreter(endian, bytes)? {
            needs.interpreter = Some(String::from_utf8_lossy(interpreter).into_owned());
        }
        if let Some(dynamic) = segment.dynamic(endian, bytes)? {
            entries = dynamic;
        }
    }
    let value_of = |wanted: i64| {
        entries
            .iter()
            .find(|entry| entry.d_tag(endian).into() == wanted)
            .map(|entry| entry.d_val(endian).into())
    };
    let (Some(address), Some(size)) = (value_of(elf::DT_STRTAB), value_of(elf::DT_STRSZ)) else {
        return Ok(needs);
    };
    // The table's address is one of the running program; a segment says where it lies in the file.
    let mut table: &[u8] = &[];
    for segment in segments {
        if let Some(data) = segment.data_range(endian, bytes, address, size).ok().flatten() {
            table = data;
        }
    }
    let text = |offset: u64| {
        let rest = usize::try_from(offset).ok().and_then(|offset| table.get(offset..)).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
        String::from_utf8_lossy(&rest[..end]).into_owned()
    };
    let mut run_path = None;
    let mut old_run_path = None;
    for entry in entries {
        let value: u64 = entry.d_val(endian).into();
        match entry.d_tag(endian).into() {
            elf::DT_NEEDED => needs.libraries.push(text(value)),
            elf::DT_RUNPATH => run_path = Some(text(value)),
            elf::DT_RPATH => old_run_path = Some(text(value)),
            _ => {}
        }
    }
    let run_path = run_path.or(old_run_path).unwrap_or_default();
    needs.run_path = run_path.split(':').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    Ok(needs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::{LazyLock, Mutex};

    /// Bytes of a program's file header and program headers.
    const HEADERS: usize = 1024;

    #[test]
    fn the_test_program_needs_its_c_library() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let needs = dynamic_needs(&program).unwrap();
        assert!(needs.libraries.iter().any(|library| library.starts_with("libc.so")), "{needs:?}");
        assert!(needs.interpreter.is_some_and(|loader| loader.contains("ld")), "no loader");
    }

    #[test]
    fn other_files_are_errors() {
        assert!(dynamic_needs(b"#!/bin/sh\n").is_err());
        assert!(dynamic_needs(b"\x7fELF\x02\x01\x01").is_err());
        assert!(dynamic_needs(b"").is_err());
    }

    proptest! {
        #[test]
        fn harmed_headers_are_read_or_refused(
            changes in proptest::collection::vec((0..HEADERS, any::<u8>()), 1..6)
        ) {
            static PROGRAM: LazyLock<Mutex<Vec<u8>>> =
                LazyLock::new(|| Mutex::new(std::fs::read("/proc/self/exe").unwrap()));
            // It is large: changes are taken back.
            let mut program = PROGRAM.lock().unwrap();
            let before = program[..HEADERS].to_vec();
            changes.iter().for_each(|(place, value)| program[*place] = *value);
            let _ = dynamic_needs(&program);
            program[..HEADERS].copy_from_slice(&before);
        }
    }
}
