//! `[access]`: the keys in an image, from the product definition to the file system of a slot.

use std::fs;

use crate::repository::{Repository, Run};

const ALICE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f alice";
const BOB: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA bob";

/// What `inspect` shows of slot 1.
fn inspect(repository: &Repository, arguments: &[&str]) -> Run {
    let image = repository.latest(".slot.img");
    Run::of(&mut repository.xtask("inspect", &[&[image.to_str().unwrap()], arguments].concat()))
}

#[test]
fn the_keys_of_the_definition_are_roots_in_the_image_and_without_any_sshd_stays_off() {
    let Some(repository) = Repository::new() else { return };
    repository.image(&[]).success();
    let defaults = inspect(&repository, &["cat", "/etc/defaults/rc.conf"]).success();
    assert!(!defaults.contains("sshd_enable"), "{defaults}");
    inspect(&repository, &["cat", "/root/.ssh/authorized_keys"]).refused(&["/root/.ssh"]);
    for file in ["/etc/rc.conf", "/etc/defaults/vendor.conf"] {
        let text = inspect(&repository, &["cat", file]).success();
        assert!(!text.contains("sshd_enable") && !text.contains("ntpd_enable"), "{file}: {text}");
    }

    let config = repository.beside("access.toml");
    fs::write(&config, "[access]\nauthorized_keys = [\"keys/alice.pub\", \"keys/bob.pub\"]\n").unwrap();
    let image = || repository.image(&["-v", "-c", config.to_str().unwrap()]);
    repository.write("keys/alice.pub", &format!("{ALICE}\n"));
    image().refused(&["access.authorized_keys: reading keys/bob.pub: "]);
    repository.write("keys/bob.pub", &format!("# from the office only\nfrom=\"192.0.2.0/24\" {BOB}\n"));
    image().success();
    let keys = inspect(&repository, &["cat", "/root/.ssh/authorized_keys"]).success();
    assert_eq!(keys, format!("{ALICE}\nfrom=\"192.0.2.0/24\" {BOB}\n"));
    let spec = fs::read_to_string(repository.latest("slot.mtree")).unwrap();
    let line =
        |path: &str| spec.lines().find(|line| line.split(' ').next() == Some(path)).unwrap().to_owned();
    for (path, mode) in
        [("./root", "mode=0750"), ("./root/.ssh", "mode=0700"), ("./root/.ssh/authorized_keys", "mode=0600")]
    {
        let line = line(path);
        assert!(line.contains(mode) && line.contains("uid=0 gid=0"), "{line}");
    }
    let defaults = inspect(&repository, &["cat", "/conf/base/etc/defaults/rc.conf"]).success();
    assert!(defaults.contains("\nsshd_enable=\"YES\"\n"), "{defaults}");
    let sshd = inspect(&repository, &["cat", "/etc/ssh/sshd_config"]).success();
    insta::assert_snapshot!(sshd, @r"
    PermitRootLogin prohibit-password
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    ");

    // A key that is withdrawn is no longer in the image.
    repository.write("keys/bob.pub", &format!("{ALICE} again\n"));
    let text = image().success();
    assert!(text.contains("changed: access"), "{text}");
    let keys = inspect(&repository, &["cat", "/root/.ssh/authorized_keys"]).success();
    assert!(!keys.contains(BOB), "{keys}");
}

#[test]
fn a_line_that_sshd_would_skip_is_refused_with_its_place() {
    let Some(repository) = Repository::new() else { return };
    let config = repository.beside("access.toml");
    fs::write(&config, "[access]\nauthorized_keys = [\"keys/team.pub\"]\n").unwrap();
    let mut said = String::new();
    for third in [&ALICE[..60], "-----BEGIN OPENSSH PRIVATE KEY-----", "alice@example.org"] {
        repository.write("keys/team.pub", &format!("# the team\n{BOB}\n{third}\n"));
        let text = repository.image(&["-qq", "-c", config.to_str().unwrap()]).refused(&["keys/team.pub:3: "]);
        said += &text;
    }
    insta::assert_snapshot!(said, @r"
    error: access.authorized_keys: keys/team.pub:3: the key ends too early
    hint: a key is one long line; it may have been cut or broken when it was copied
    error: access.authorized_keys: keys/team.pub:3: this is a private key, which must not be in the repository
    hint: name the file with its public half, which ssh-keygen writes beside it with the suffix .pub
    error: access.authorized_keys: keys/team.pub:3: `alice@example.org` is not the type of a public key
    hint: the types are ssh-ed25519, sk-ssh-ed25519@openssh.com, ecdsa-sha2-nistp256, ecdsa-sha2-nistp384, ecdsa-sha2-nistp521, sk-ecdsa-sha2-nistp256@openssh.com, ssh-rsa
    ");
    // The overlay cannot bring keys past this check unnoticed.
    repository.write("keys/team.pub", &format!("{BOB}\n"));
    repository.write("overlay/root/.ssh/authorized_keys", "anything\n");
    let layers = ["/root/.ssh/authorized_keys", "`access`", "`overlay`"];
    repository.image(&["-c", config.to_str().unwrap()]).refused(&layers);
}
