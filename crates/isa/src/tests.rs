//! The gate accepts what a processor can execute, and above all, it refuses what it cannot.

use crate::{Feature, Processor, inspect, require};

/// A Pentium MMX with cmov and 3DNow!, but without SSE.
const PROCESSOR: Processor = Processor {
    name: "test processor",
    features: &[
        Feature::INTEL8086,
        Feature::INTEL8086_ONLY,
        Feature::INTEL186,
        Feature::INTEL286,
        Feature::INTEL286_ONLY,
        Feature::INTEL386,
        Feature::INTEL386_ONLY,
        Feature::INTEL486,
        Feature::FPU,
        Feature::FPU287,
        Feature::FPU387,
        Feature::CPUID,
        Feature::TSC,
        Feature::MSR,
        Feature::CX8,
        Feature::SEP,
        Feature::CMOV,
        Feature::MMX,
        Feature::D3NOW,
        Feature::PAUSE,
    ],
};

/// An ELF file for i386 with this code at 0x1000, one function symbol per name and offset, and nothing else.
fn program(code: &[u8], symbols: &[(&str, u32)]) -> Vec<u8> {
    use object::write::{Object, Symbol, SymbolSection};
    use object::{Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope};
    let mut file = Object::new(BinaryFormat::Elf, Architecture::I386, Endianness::Little);
    let text = file.add_section(Vec::new(), b".text".to_vec(), SectionKind::Text);
    file.set_section_data(text, code, 1);
    for (name, offset) in symbols {
        file.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value: u64::from(*offset),
            size: 0,
            kind: SymbolKind::Text,
            scope: SymbolScope::Linkage,
            weak: false,
            section: SymbolSection::Section(text),
            flags: SymbolFlags::None,
        });
    }
    file.write().unwrap()
}

fn features(code: &[u8]) -> Vec<String> {
    let report = inspect("test", &program(code, &[]), &PROCESSOR).unwrap();
    report.violations.into_iter().map(|violation| violation.feature).collect()
}

#[test]
fn an_instruction_that_the_processor_does_not_have_is_found() {
    let table: &[(&str, &[u8], &str)] = &[
        ("movaps %xmm1,%xmm0", &[0x0f, 0x28, 0xc1], "SSE"),
        ("movdqa %xmm1,%xmm0", &[0x66, 0x0f, 0x6f, 0xc1], "SSE2"),
        ("movsd (%eax),%xmm0", &[0xf2, 0x0f, 0x10, 0x00], "SSE2"),
        ("cvttsd2si %xmm0,%eax", &[0xf2, 0x0f, 0x2c, 0xc0], "SSE2"),
        ("fisttpl (%eax)", &[0xdb, 0x08], "SSE3"),
        ("pshufb %xmm1,%xmm0", &[0x66, 0x0f, 0x38, 0x00, 0xc1], "SSSE3"),
        ("crc32l %eax,%eax", &[0xf2, 0x0f, 0x38, 0xf1, 0xc0], "SSE4.2"),
        ("vzeroupper", &[0xc5, 0xf8, 0x77], "AVX"),
        ("nopw (%eax,%eax)", &[0x66, 0x0f, 0x1f, 0x04, 0x00], "MULTIBYTENOP"),
        ("nopl (%eax)", &[0x0f, 0x1f, 0x00], "MULTIBYTENOP"),
        ("endbr32", &[0xf3, 0x0f, 0x1e, 0xfb], "CET.IBT"),
        ("popcnt %eax,%eax", &[0xf3, 0x0f, 0xb8, 0xc0], "POPCNT"),
        ("lzcnt %eax,%eax", &[0xf3, 0x0f, 0xbd, 0xc0], "LZCNT"),
        ("syscall", &[0x0f, 0x05], "SYSCALL"),
        ("fxsave (%eax)", &[0x0f, 0xae, 0x00], "FXSR"),
        ("mfence", &[0x0f, 0xae, 0xf0], "SSE2"),
        ("movnti %eax,(%eax)", &[0x0f, 0xc3, 0x00], "SSE2"),
        ("rdrand %eax", &[0x0f, 0xc7, 0xf0], "RDRAND"),
        ("rdtscp", &[0x0f, 0x01, 0xf9], "RDTSCP"),
        ("movbe (%eax),%eax", &[0x0f, 0x38, 0xf0, 0x00], "MOVBE"),
    ];
    for (text, code, feature) in table {
        assert_eq!(features(code), [*feature], "{text}");
    }
}

#[test]
fn an_instruction_that_the_processor_has_passes() {
    let table: &[(&str, &[u8])] = &[
        ("nop", &[0x90]),
        ("pause", &[0xf3, 0x90]),
        ("xchg %ax,%ax", &[0x66, 0x90]),
        ("lea 0(%esi,%eiz),%esi", &[0x8d, 0x74, 0x26, 0x00]),
        ("cmovne %ecx,%eax", &[0x0f, 0x45, 0xc1]),
        ("fcmove %st(1),%st", &[0xda, 0xc9]),
        ("fucomip %st(1),%st", &[0xdf, 0xe9]),
        ("movq %mm1,%mm0", &[0x0f, 0x6f, 0xc1]),
        ("pfadd %mm1,%mm0", &[0x0f, 0x0f, 0xc1, 0x9e]),
        ("cmpxchg8b (%eax)", &[0x0f, 0xc7, 0x08]),
        ("lock cmpxchg8b (%eax)", &[0xf0, 0x0f, 0xc7, 0x08]),
        ("rdtsc", &[0x0f, 0x31]),
        ("cpuid", &[0x0f, 0xa2]),
        ("bswap %eax", &[0x0f, 0xc8]),
        ("rep bsf %eax,%eax", &[0xf3, 0x0f, 0xbc, 0xc0]),
        ("sysenter", &[0x0f, 0x34]),
        ("int $0x80", &[0xcd, 0x80]),
        ("ud2", &[0x0f, 0x0b]),
        ("mov %gs:0,%eax", &[0x65, 0xa1, 0, 0, 0, 0]),
    ];
    for (text, code) in table {
        assert_eq!(features(code), [""; 0], "{text}");
        let report = inspect("test", &program(code, &[]), &PROCESSOR).unwrap();
        assert_eq!((report.instructions, report.undecoded.len()), (1, 0), "{text}");
    }
}

#[test]
fn a_violation_is_shown_with_its_address_and_symbol() {
    let code = [0xc3, 0x90, 0x0f, 0x28, 0xc1, 0xc3];
    let report = inspect("test", &program(&code, &[("first", 0), ("second", 1)]), &PROCESSOR).unwrap();
    let shown: Vec<_> = report.violations.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["0x00000002 in second: movaps %xmm1,%xmm0 (SSE)"]);
}

#[test]
fn data_before_a_symbol_does_not_hide_the_code_after_it() {
    // The two bytes of data begin a long `add`, which would swallow the movaps; at the symbol, the decoder starts afresh.
    let code = [0xc3, 0x81, 0xc0, 0x0f, 0x28, 0xc1, 0xc3];
    assert_eq!(inspect("test", &program(&code, &[]), &PROCESSOR).unwrap().violations, []);
    let report = inspect("test", &program(&code, &[("after_data", 3)]), &PROCESSOR).unwrap();
    assert_eq!(report.violations.len(), 1);
}

#[test]
fn bytes_that_are_not_an_instruction_are_reported_and_skipped() {
    // 0f 04 is not an instruction; the decoder continues after the 0f, reads `add $0,%al`, and is in step again.
    let code = [0x90, 0x0f, 0x04, 0x00, 0x0f, 0x28, 0xc1];
    let report = inspect("test", &program(&code, &[]), &PROCESSOR).unwrap();
    assert_eq!(report.undecoded, [1]);
    assert_eq!(report.violations.len(), 1);
}

#[test]
fn code_that_cannot_be_inspected_does_not_pass() {
    let whole = program(&[0x90], &[]);
    let mut other = whole.clone();
    other[18] = 62; // e_machine: AMD64
    let mut stripped = whole.clone();
    stripped[32..36].fill(0); // e_shoff: no section headers
    stripped[48..50].fill(0); // e_shnum
    for (bytes, reason) in [
        (&b"#!/bin/sh\n"[..], "parsing it as 32-bit ELF"),
        (&whole[..40], "parsing it as 32-bit ELF"),
        (&other, "it is for another processor"),
        (&stripped, "it has no executable section"),
    ] {
        let message = format!("{:#}", inspect("some/file", bytes, &PROCESSOR).unwrap_err());
        assert!(message.starts_with("reading the machine code of some/file: "), "{message}");
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn a_program_with_a_foreign_instruction_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad");
    std::fs::write(&path, program(&[0x0f, 0x28, 0xc1], &[("main", 0)])).unwrap();
    let message = format!("{:#}", require(&path, &PROCESSOR).unwrap_err());
    assert!(message.contains("/bad: the test processor does not have 1 of them"), "{message}");
    assert!(message.contains("\n  0x00000000 in main: movaps %xmm1,%xmm0 (SSE)\nhint: "), "{message}");
    std::fs::write(&path, program(&[0x0f, 0x04, 0x00], &[("main", 0)])).unwrap();
    let message = format!("{:#}", require(&path, &PROCESSOR).unwrap_err());
    assert!(
        message.contains("1 byte of the code cannot be decoded, the first at 0x00000000\nhint: "),
        "{message}"
    );
    std::fs::write(&path, program(&[0x90], &[("main", 0)])).unwrap();
    require(&path, &PROCESSOR).unwrap();
}
