//! The Geode LX, for the instruction-set gate ([`isa`]).

use isa::{Feature, Processor};

/// The AMD Geode LX of the ALIX.
///
/// FreeBSD reports `Features=0x88a93d<FPU,DE,PSE,TSC,MSR,CX8,SEP,PGE,CMOV,CLFLUSH,MMX>` and `AMD
/// Features=0xc0400000<MMX+,3DNow!+,3DNow!>`. The list is this without MMX+ (the integer part of SSE on MMX registers): no
/// compiler set to `geode` emits it, and the emulated Pentium that images are tested on does not have it.
pub const GEODE_LX: Processor = Processor {
    name: "Geode LX",
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
        Feature::CLFSH,
        Feature::MMX,
        Feature::D3NOW,
        Feature::D3NOWEXT,
        Feature::PREFETCHW,
        // `rep nop`: a processor that does not know PAUSE does nothing, which is all that it asks for.
        Feature::PAUSE,
        Feature::SMM,
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_geode_has_3dnow_and_cmov_but_neither_sse_nor_long_nops() {
        for feature in
            [Feature::MMX, Feature::D3NOW, Feature::CMOV, Feature::CX8, Feature::SEP, Feature::PAUSE]
        {
            assert!(GEODE_LX.has(feature), "{feature:?}");
        }
        for feature in [Feature::SSE, Feature::SSE2, Feature::MULTIBYTENOP, Feature::SYSCALL, Feature::FXSR] {
            assert!(!GEODE_LX.has(feature), "{feature:?}");
        }
    }
}
