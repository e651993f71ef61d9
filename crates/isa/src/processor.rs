//! What the Geode LX can do.
//!
//! FreeBSD says of it: `Features=0x88a93d<FPU,DE,PSE,TSC,MSR,CX8,SEP,PGE,CMOV,CLFLUSH,MMX>`, `AMD
//! Features=0xc0400000<MMX+,3DNow!+,3DNow!>`. The list below is that, without MMX+ (the integer part of SSE on MMX
//! registers): no compiler set to `geode` emits it, and an emulated Pentium, on which images are tested, lacks it.
//! Whatever is not in the list is lacking, so a newer extension needs no entry.

use iced_x86::{CpuidFeature, Instruction};

/// The feature of an instruction that the processor lacks, if it lacks one.
pub fn lacks(instruction: &Instruction) -> Option<String> {
    let missing: Vec<_> = instruction
        .cpuid_features()
        .iter()
        .filter(|&&feature| !has(feature))
        .map(|feature| format!("{feature:?}").replace('_', "."))
        .collect();
    (!missing.is_empty()).then(|| missing.join(" and "))
}

fn has(feature: CpuidFeature) -> bool {
    use CpuidFeature as F;
    matches!(
        feature,
        F::INTEL8086
            | F::INTEL8086_ONLY
            | F::INTEL186
            | F::INTEL286
            | F::INTEL286_ONLY
            | F::INTEL386
            | F::INTEL386_ONLY
            | F::INTEL486
            | F::FPU
            | F::FPU287
            | F::FPU387
            | F::CPUID
            | F::TSC
            | F::MSR
            | F::CX8
            | F::SEP
            | F::CMOV
            | F::CLFSH
            | F::MMX
            | F::D3NOW
            | F::D3NOWEXT
            | F::PREFETCHW
            // `rep nop`: a processor that knows no PAUSE does nothing, which is what it asks for.
            | F::PAUSE
            | F::SMM
    )
}
