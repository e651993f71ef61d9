//! `cargo xtask keygen`: a key pair that signs the product's updates.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use builder::keys::{self, DEVELOPMENT, FOLDER, Pair, SUFFIX};
use builder::workspace;
use report::Reporter;

/// Make a key pair that signs the product's updates
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What the pair is called, as in firmware/keys/NAME.pub
    #[arg(default_value = "product")]
    name: String,
    /// Where the secret key goes, outside the repository; this user's configuration unless it is given
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
    /// Lock the secret key with no password, for a machine that signs by itself
    #[arg(long)]
    no_password: bool,
}

impl Args {
    /// Makes the pair.
    ///
    /// # Errors
    /// A key of that name is there, the secret key would lie in the repository, or nothing can be written.
    pub fn run(self, _: &Reporter) -> Result<()> {
        check_name(&self.name)?;
        let root = workspace::root();
        let public = root.join(FOLDER).join(format!("{}{SUFFIX}", self.name));
        let secret = match self.secret {
            Some(secret) => secret,
            None => keys::config_folder()?.join(format!("{}.key", self.name)),
        };
        keys::require_outside(&root, &secret)?;
        for file in [&public, &secret] {
            ensure!(
                !file.exists(),
                "making the key pair {}: {} is there already, and units may depend on it; choose another name",
                self.name,
                file.display()
            );
        }
        let pair = Pair::generate(if self.no_password { None } else { Some(new_password()?) })?;
        // Of the two the secret key is the one that cannot be made again.
        pair.save_secret(&secret)?;
        pair.save_public(&public)?;
        let (public, secret) = (public.display(), secret.display());
        report::result(&format!(
            "public key   {public}: commit it; units trust it from the next release on\n\
             secret key   {secret}: keep a copy where only you get at it\n\
             to sign with cargo xtask image --release --sign-key {secret}\n"
        ))
    }
}

fn check_name(name: &str) -> Result<()> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(
        !name.is_empty() && name.len() <= 32 && name.chars().all(good) && !name.starts_with('-'),
        "making a key pair: `{name}` must be 1 to 32 of a-z, 0-9 and `-`, for it names files"
    );
    ensure!(
        name != DEVELOPMENT,
        "making a key pair: `{name}` is each engineer's own key, which is made by itself; choose another name"
    );
    Ok(())
}

fn new_password() -> Result<String> {
    let ask = |prompt: &str| {
        rpassword::prompt_password(prompt)
            .context("asking for a password; give --no-password where there is no terminal")
    };
    let password = ask("password for the secret key: ")?;
    ensure!(
        !password.is_empty(),
        "making a key pair: the password is empty; say --no-password if that is meant"
    );
    ensure!(ask("the same again: ")? == password, "making a key pair: the two passwords differ");
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_file_name_or_is_taken_is_refused() {
        check_name("product-2027").unwrap();
        for name in ["", "../x", "a/b", "Product", "-x", "a.b", &"a".repeat(33), DEVELOPMENT] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
