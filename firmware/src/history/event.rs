//! The kinds of events.

use std::fmt;

use serde::{Serialize, Serializer};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Event {
    /// An installation has begun to write the slot.
    InstallBegun = 1,
    /// An installation has ended.
    Installed = 2,
    /// The running system was confirmed.
    Confirmed = 3,
    /// A trial was given up, or the other slot was made the default.
    RolledBack = 4,
    /// A slot was activated.
    Activated = 5,
    /// The system has come up on trial.
    TrialBegun = 6,
    /// A trial has failed.
    TrialFailed = 7,
    /// A trial was not confirmed before its deadline, and the unit restarts.
    TrialExpired = 8,
    /// A default slot never reported health and gave way.
    GaveWay = 9,
    /// The boot state was lost and written anew.
    Recovered = 10,
}

impl Event {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 10] = [
        Self::InstallBegun,
        Self::Installed,
        Self::Confirmed,
        Self::RolledBack,
        Self::Activated,
        Self::TrialBegun,
        Self::TrialFailed,
        Self::TrialExpired,
        Self::GaveWay,
        Self::Recovered,
    ];

    /// The code in a record.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The event with this code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.code() == code)
    }

    /// The name, for people and programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InstallBegun => "install-begun",
            Self::Installed => "install-ended",
            Self::Confirmed => "confirmed",
            Self::RolledBack => "rolled-back",
            Self::Activated => "activated",
            Self::TrialBegun => "trial-begun",
            Self::TrialFailed => "trial-failed",
            Self::TrialExpired => "trial-expired",
            Self::GaveWay => "gave-way",
            Self::Recovered => "recovered",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
