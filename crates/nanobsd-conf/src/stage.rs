//! NanoBSD's three stages of customization.

/// When a registered function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `early_customize_cmd`.
    Early,
    /// `customize_cmd`.
    Customize,
    /// `late_customize_cmd`.
    Late,
}

impl Stage {
    /// The stages in the order in which they run.
    pub const ALL: [Self; 3] = [Self::Early, Self::Customize, Self::Late];

    /// The name of the stage: its hooks are in `NAME.d`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Early => "early",
            Self::Customize => "customize",
            Self::Late => "late",
        }
    }

    /// The stage that the command `word` registers functions for.
    pub fn of_command(word: &str) -> Option<Self> {
        match word {
            "early_customize_cmd" => Some(Self::Early),
            "customize_cmd" => Some(Self::Customize),
            "late_customize_cmd" => Some(Self::Late),
            _ => None,
        }
    }

    /// The stage whose registered functions the variable `name` holds.
    pub fn of_variable(name: &str) -> Option<Self> {
        match name {
            "NANO_EARLY_CUSTOMIZE" => Some(Self::Early),
            "NANO_CUSTOMIZE" => Some(Self::Customize),
            "NANO_LATE_CUSTOMIZE" => Some(Self::Late),
            _ => None,
        }
    }
}
