//! The exit codes of `sluice update`.
//!
//! Invariant: the codes below 50 mean that no byte of a slot was changed; with those from 50 to 54, the target slot is left
//! marked bad and the running one starts next. Scripts rely on the codes: their meaning never changes.

use crate::service::exit_codes;

exit_codes! {
    /// Every exit code, in the words of the help and of docs/update.md.
    pub enum ExitCode {
        Done = 0, "done";
        Other = 1, "other failure: not root, or the running system cannot be identified";
        NotAnUpdate = 20, "the input is not an update";
        Unsigned = 21, "the input is the image of a slot or disk, which has no signature";
        Truncated = 22, "the input ends before the first chunk";
        Format = 23, "the update has a newer format";
        Invalid = 24, "the header or manifest of the update is damaged or invalid";
        UnknownKey = 25, "the update is signed with a key that this unit does not trust";
        Signature = 26, "the signature does not match";
        Source = 27, "the input cannot be opened, fetched or read";
        Stopped = 28, "stopped by a signal before anything was changed";
        Product = 30, "the update is for another product";
        Board = 31, "the update is for another board";
        Layout = 32, "the update is for another disk layout";
        TooLarge = 33, "the update is larger than the slot";
        Floor = 34, "the update or slot is older than the version floor";
        Minimum = 35, "the running version is older than the update requires";
        Configuration = 36, "the update may not understand the saved configuration";
        Downgrade = 37, "the update is older than the running version";
        Jump = 38, "the update is more than one major version after the running one";
        KeyRoom = 39, "the update revokes more keys than the unit can store, or would trust a revoked one again";
        Running = 40, "the slot is the running one";
        Locked = 41, "another update is in progress";
        OnTrial = 42, "the running slot is on trial, or has not proved itself";
        BootState = 43, "the boot state cannot be read, or the card cannot be written";
        NotStarting = 44, "FreeBSD's boot program could not be made to start the slot that it has to start";
        SlotInUse = 45, "the slot is mounted, or cannot be opened or read";
        NotPossible = 46, "there is nothing to confirm or to roll back, or the requested slot is marked bad";
        FailedHere = 47, "the release or slot has failed on this unit";
        RevokedKey = 48, "the update is signed with a key that has been revoked";
        KeyEpoch = 49, "keys have been revoked since the update was made";
        ChunkDamaged = 50, "a chunk is damaged; the slot is left marked bad";
        EndedEarly = 51, "the update ended too early; the slot is left marked bad";
        DiskError = 52, "the disk reported an error; the slot is left marked bad";
        ReadBack = 53, "the disk does not hold what was written; the slot is left marked bad";
        StoppedWriting = 54, "stopped by a signal; the slot is left marked bad";
        Unclear = 55, "the slot is complete, but whether its trial was saved is unknown";
        NoDigest = 60, "verify: no digest is recorded for a slot";
        Differs = 61, "verify: a slot does not hold what was installed";
        Usage = 64, "usage error";
    }
}
