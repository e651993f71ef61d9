//! `cargo xtask keygen`: creates a key pair that signs the product's updates.

use std::path::PathBuf;

use anyhow::{Result, anyhow, ensure};
use builder::keys::{self, DEVELOPMENT, DIRECTORY, Pair, SUFFIX};
use builder::workspace;
use report::Reporter;

/// Create a key pair that signs the product's updates
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Name of the key pair; the public key is written to firmware/keys/NAME.pub
    #[arg(default_value = "product")]
    name: String,
    /// Write the secret key to FILE, outside the repository [default: in this user's configuration directory]
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
    /// Do not encrypt the secret key with a password, for machines that sign unattended
    #[arg(long)]
    no_password: bool,
}

impl Args {
    /// Creates the pair.
    ///
    /// # Errors
    /// A key of that name exists, the secret key would be in the repository, or a file cannot be written.
    pub fn run(self, _: &Reporter) -> Result<()> {
        check_name(&self.name)?;
        let root = workspace::find()?;
        let public = root.join(DIRECTORY).join(format!("{}{SUFFIX}", self.name));
        let secret = match self.secret {
            Some(secret) => secret,
            None => keys::config_directory()?.join(format!("{}.key", self.name)),
        };
        keys::require_outside(&root, &secret)?;
        for file in [&public, &secret] {
            ensure!(
                !file.exists(),
                "creating the key pair {}: {} exists already, and units may depend on it\n\
                 hint: choose another name",
                self.name,
                file.display()
            );
        }
        let pair = Pair::generate(if self.no_password { None } else { Some(new_password()?) })?;
        // The public key can be derived from the secret key, so the secret key is saved first.
        pair.save_secret(&secret)?;
        pair.save_public(&public)?;
        let (public, secret) = (public.display(), secret.display());
        report::result(&format!(
            "public key   {public}: commit it; units trust it from the next release on\n\
             secret key   {secret}: keep a copy where only you have access\n\
             to sign with cargo xtask image --release --sign-key {secret}\n"
        ))
    }
}

fn check_name(name: &str) -> Result<()> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(
        !name.is_empty() && name.len() <= 32 && name.chars().all(good) && !name.starts_with('-'),
        "creating a key pair: the name `{name}` is used for files and must consist of 1 to 32 of a-z, 0-9 and `-`"
    );
    ensure!(
        name != DEVELOPMENT,
        "creating a key pair: `{name}` is the key of each engineer, which is created automatically\n\
         hint: choose another name"
    );
    Ok(())
}

fn new_password() -> Result<String> {
    let ask = |prompt: &str| {
        rpassword::prompt_password(prompt).map_err(|error| {
            anyhow!("asking for a password: {error}\nhint: pass --no-password if there is no terminal")
        })
    };
    let password = ask("password for the secret key: ")?;
    ensure!(
        !password.is_empty(),
        "creating a key pair: the password is empty\nhint: pass --no-password for a key without a password"
    );
    ensure!(ask("repeat the password: ")? == password, "creating a key pair: the two passwords differ");
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_a_file_name_or_is_taken_is_refused() {
        check_name("product-2027").unwrap();
        for name in ["", "../x", "a/b", "Product", "-x", "a.b", &"a".repeat(33), DEVELOPMENT] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
