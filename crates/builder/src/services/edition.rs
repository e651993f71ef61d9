//! The editions of the services.

/// For whom the services are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// For units in the field: without what only engineers may do.
    Release,
    /// For the desk.
    Development,
}

impl Edition {
    /// The features of the package that it has.
    pub(super) const fn features(self) -> &'static str {
        match self {
            Self::Release => "",
            Self::Development => "development",
        }
    }
}
