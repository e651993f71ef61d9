//! `[packages]` of the product definition, checked: where packages come from and whom to trust for them.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use freebsd_pkg::signature::Trust;
use isa::Exceptions;

use super::raw::RawPackages;
use crate::board::Board;

/// Where FreeBSD packages come from.
#[derive(Clone, Debug)]
pub struct Packages {
    /// The board that their code must run on.
    pub board: &'static Board,
    /// A directory (from the root of the repository) or an address; `${ABI}` in it stands for [`Packages::abi`].
    pub repository: Option<String>,
    /// The system that they must be for: `FreeBSD:13:i386`.
    pub abi: String,
    /// What proves that the repository is genuine; paths are from the root of the repository.
    pub trust: Trust,
    /// Packages whose scripts run on the unit at every start.
    pub run_scripts: Vec<String>,
    /// Code that may contain instructions that the processor does not have.
    pub exceptions: Exceptions,
}

impl Packages {
    pub(super) fn check(raw: RawPackages, board: &'static Board) -> Result<Self> {
        let arch = board.processor.package_arch;
        let of_13 = format!("FreeBSD:13:{arch}");
        let abi = raw.abi.unwrap_or_else(|| of_13.clone());
        let parts: Vec<&str> = abi.split(':').collect();
        ensure!(
            matches!(parts[..], ["FreeBSD", major, of] if of == arch && major.parse::<u32>().is_ok()),
            "packages.abi: `{abi}` is not a system of this board\nhint: write FreeBSD, its major version and the architecture, as \"{of_13}\""
        );
        let word = raw.signature.as_deref().unwrap_or("none");
        let trust = match word {
            "none" => Trust::Nobody,
            "pubkey" => {
                let key = raw.key.clone();
                Trust::Key(PathBuf::from(key.context(
                    "packages.signature: `pubkey` needs packages.key, the file with the public key",
                )?))
            }
            "fingerprints" => {
                let dir = raw.fingerprints.clone();
                Trust::Fingerprints(PathBuf::from(dir.context(
                    "packages.signature: `fingerprints` needs packages.fingerprints, a directory that contains `trusted`",
                )?))
            }
            other => {
                bail!(
                    "packages.signature: `{other}` is unknown\nhint: a repository has `none`, `pubkey` or `fingerprints`"
                )
            }
        };
        for (key, value, meant) in
            [("key", &raw.key, "pubkey"), ("fingerprints", &raw.fingerprints, "fingerprints")]
        {
            ensure!(
                value.is_none() || word == meant,
                "packages.{key} is given and packages.signature is `{word}`\nhint: write `{meant}` there, or nothing is checked with it"
            );
        }
        let over_the_net = raw.repository.as_deref().is_some_and(|address| address.contains("http://"));
        ensure!(
            !(over_the_net && trust == Trust::Nobody),
            "packages.signature: `none` is for a local directory; anyone on the way can change what comes over http://\n\
             hint: write `fingerprints` or `pubkey`"
        );
        for exception in &raw.isa.0 {
            ensure!(
                !exception.path.starts_with('/') && !exception.reason.trim().is_empty(),
                "packages.isa: an exception has a path without `/` before it and a reason (`{}`, {})",
                exception.path,
                exception.symbol
            );
        }
        Ok(Self {
            board,
            repository: raw.repository,
            abi,
            trust,
            run_scripts: raw.run_scripts.unwrap_or_default(),
            exceptions: raw.isa,
        })
    }
}
