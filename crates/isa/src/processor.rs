//! What a processor can execute.

use iced_x86::Instruction;

/// A feature of x86 processors, as cpuid and the manuals name them.
pub use iced_x86::CpuidFeature as Feature;

/// A processor, described by its instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processor {
    /// The name for messages.
    pub name: &'static str,
    /// Everything that it has, from the 8086 up. What is not listed is missing, so newer extensions need no entry.
    pub features: &'static [Feature],
}

impl Processor {
    /// Whether it has `feature`.
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// The features that `instruction` needs and the processor does not have, if any.
    pub(crate) fn missing(&self, instruction: &Instruction) -> Option<String> {
        let missing: Vec<_> = instruction
            .cpuid_features()
            .iter()
            .filter(|&&feature| !self.has(feature))
            .map(|feature| format!("{feature:?}").replace('_', "."))
            .collect();
        (!missing.is_empty()).then(|| missing.join(" and "))
    }
}
