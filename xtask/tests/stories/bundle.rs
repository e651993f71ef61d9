//! The update bundle, from its keys to what a unit or minisign(1) makes of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use builder::toolchain::Group;
use firmware::bundle::{PublicKeys, Reader};

use crate::repository::{Repository, Run};
use crate::tools;

/// Where units look for the keys that they trust.
const KEYS: &str = "./usr/share/sluice/keys/";

fn inspect(repository: &Repository, bundle: &Path, arguments: &[&str]) -> Run {
    Run::of(repository.xtask("inspect", arguments).arg(bundle))
}

/// The names of the keys in the slot of the latest build.
fn keys_in_slot(repository: &Repository) -> Vec<String> {
    let specification = fs::read_to_string(repository.latest("slot.mtree")).unwrap();
    let names = specification.lines().filter_map(|line| line.strip_prefix(KEYS)?.split(' ').next());
    names.map(str::to_owned).collect()
}

#[test]
fn the_bundle_of_a_build_is_its_slot_image_and_a_changed_bit_is_told_with_its_place() {
    let Some(repository) = Repository::new() else { return };
    let text = repository.image(&[]).success();
    assert!(text.contains("sluice-alix-0.1.0-dev") && text.contains(".fw"), "{text}");
    assert_eq!(keys_in_slot(&repository), ["development.pub"]);
    let bundle = repository.latest(".fw");
    let shown = inspect(&repository, &bundle, &["--verify"]).success();
    for part in [repository.version().as_str(), "for alix", "any version", "(development)", "verified"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    let key = Path::new(env!("CARGO_TARGET_TMPDIR")).join("keys/development.pub");
    let keys = PublicKeys::parse([&*fs::read_to_string(key).unwrap()]).unwrap();
    let good = fs::read(&bundle).unwrap();
    let mut reader = Reader::open(&*good, &keys).unwrap();
    let head = reader.position() as usize;
    let (mut image, mut raw) = (Vec::new(), Vec::new());
    while reader.next_chunk(&mut raw).unwrap().is_some() {
        image.extend_from_slice(&raw);
    }
    assert!(image == fs::read(repository.latest(".slot.img")).unwrap());

    let bad = repository.beside("bad.fw");
    let refused = |at: usize, parts: &[&str]| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        fs::write(&bad, bytes).unwrap();
        inspect(&repository, &bad, &["--verify"]).refused(parts)
    };
    refused(0, &["bad.fw", "this is not a bundle"]);
    refused(14, &["header is damaged"]);
    refused(40, &["signature does not match"]);
    refused(head + 5, &[&format!("at byte {head}, where chunk 0 should be"), "chunk 0 is damaged"]);
    fs::write(&bad, &good[..good.len() - 1]).unwrap();
    inspect(&repository, &bad, &["--verify"]).refused(&["in the middle of chunk"]);
    inspect(&repository, &bad, &[]).success();
    inspect(&repository, &repository.latest(".slot.img"), &["--verify"])
        .refused(&[".slot.img: --verify, --extract and --key are for an update (.fw)"]);
}

#[test]
fn a_release_trusts_the_products_keys_alone_and_is_signed_with_one_of_them() {
    let Some(repository) = Repository::new() else { return };
    repository.tag("v0.1.0");
    repository.image(&["--release"]).refused(&["no product key", "cargo xtask keygen"]);

    let inside = repository.path().join("target/product.key");
    let keygen = |arguments: &[&str]| Run::of(&mut repository.xtask("keygen", arguments));
    let secret = ["--no-password", "--secret"];
    keygen(&[&secret[..], &[inside.to_str().unwrap()]].concat()).refused(&["in the repository", "never"]);
    let key = repository.product_key("product");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let other = repository.beside("other.key");
    keygen(&[&secret[..], &[other.to_str().unwrap()]].concat()).refused(&["product.pub exists already"]);
    let next = repository.product_key("product-2");
    git_tag_moves(&repository);

    repository.image(&["--release"]).refused(&["--sign-key", "SLUICE_SIGN_KEY"]);
    let development = Path::new(env!("CARGO_TARGET_TMPDIR")).join("keys/development.key");
    repository.image(&[]).success();
    repository
        .image(&["--release", "--sign-key", development.to_str().unwrap()])
        .refused(&["not one of the keys in firmware/keys", "product-2"]);
    for signer in [&key, &next] {
        repository.image(&["--release", "--sign-key", signer.to_str().unwrap()]).success();
        assert_eq!(keys_in_slot(&repository), ["product-2.pub", "product.pub"]);
        inspect(&repository, &repository.latest(".fw"), &["--verify"]).success();
    }

    // A unit with the first key only, as a release before the second one left it.
    let trusts = |name: &str| {
        let text = fs::read_to_string(repository.path().join("firmware/keys").join(name)).unwrap();
        Reader::open(fs::File::open(repository.latest(".fw")).unwrap(), &PublicKeys::parse([&*text]).unwrap())
            .map(|_| ())
    };
    assert!(trusts("product-2.pub").is_ok());
    assert!(trusts("product.pub").unwrap_err().to_string().contains("not among the trusted"));
}

#[test]
fn a_release_revokes_a_key_and_is_not_signed_with_it() {
    let Some(repository) = Repository::new() else { return };
    let [leaked, next] = ["product", "product-2"].map(|name| repository.product_key(name));
    let keys = repository.path().join("firmware/keys");
    fs::create_dir(keys.join("revoked")).unwrap();
    let text = fs::read_to_string(keys.join("product.pub")).unwrap();
    let id = PublicKeys::parse([&*text]).unwrap().ids().next().unwrap().to_string();
    fs::copy(keys.join("product.pub"), keys.join("revoked/leaked.pub")).unwrap();
    repository.image(&[]).refused(&["`product` is trusted and `leaked` is revoked", &id]);
    fs::remove_file(keys.join("product.pub")).unwrap();
    repository.image(&[]).refused(&["update.key_epoch is 0, although leaked is revoked", "hint: "]);
    let definition = repository.path().join("appliance/appliance.toml");
    let text = fs::read_to_string(&definition).unwrap();
    fs::write(&definition, text.replacen("\nkey_epoch = 0", "\nkey_epoch = 1", 1)).unwrap();
    repository.commit("Revoke a key");
    repository.tag("v0.1.0");
    let release = |key: &Path| repository.image(&["--release", "--sign-key", key.to_str().unwrap()]);
    release(&leaked).refused(&["is revoked as firmware/keys/revoked/leaked.pub", "hint: "]);
    release(&next).success();
    assert_eq!(keys_in_slot(&repository), ["product-2.pub"]);
    let shown = inspect(&repository, &repository.latest(".fw"), &["--verify"]).success();
    assert!(shown.contains(&format!("epoch 1, revoked: {id}")), "{shown}");
    let shown = inspect(&repository, &repository.latest(".full.img"), &[]).success();
    assert!(shown.contains(&format!("keys: epoch 1, revoked: {id}")), "{shown}");
    let file = repository.latest(".full.img");
    let mut cat =
        repository.xtask("inspect", &[file.to_str().unwrap(), "cat", "/usr/share/sluice/release.json"]);
    let description: serde_json::Value = serde_json::from_str(&Run::of(&mut cat).success()).unwrap();
    assert_eq!(
        (&description["key_epoch"], &description["revoked_keys"][0]),
        (&1.into(), &id.as_str().into())
    );
}

/// The tag follows the commits that brought the keys.
fn git_tag_moves(repository: &Repository) {
    let mut git = Command::new("git");
    Run::of(git.current_dir(repository.path()).args(["tag", "--force", "v0.1.0"])).success();
}

#[test]
fn minisign_accepts_the_manifest_of_a_bundle_and_no_changed_one() {
    if tools::find(&[Group::Test]).is_none() {
        return;
    }
    let Some(repository) = Repository::new() else { return };
    let key = repository.product_key("product");
    repository.tag("v0.1.0");
    repository.image(&["--release", "--sign-key", key.to_str().unwrap()]).success();
    let extracted = repository.beside("extracted");
    let extract = ["--extract", extracted.to_str().unwrap()];
    inspect(&repository, &repository.latest(".fw"), &extract).success();
    let manifest = extracted.join("manifest.json");
    let minisign = || {
        let mut command = Command::new("minisign");
        command.arg("-V").arg("-p").arg(repository.path().join("firmware/keys/product.pub"));
        Run::of(command.arg("-m").arg(&manifest))
    };
    let text = minisign().success();
    assert!(text.contains("file:sluice-alix-0.1.0.fw"), "{text}");
    inspect(&repository, &repository.latest(".fw"), &extract).refused(&["manifest.json"]);

    // And the other way round: what minisign signs with our key is a signature for units.
    let theirs = extracted.join("theirs.minisig");
    let mut sign = Command::new("minisign");
    sign.arg("-S").arg("-s").arg(&key).arg("-x").arg(&theirs).arg("-m").arg(&manifest);
    Run::of(&mut sign).success();
    let public = fs::read_to_string(repository.path().join("firmware/keys/product.pub")).unwrap();
    let keys = PublicKeys::parse([&*public]).unwrap();
    keys.verify(&fs::read(&manifest).unwrap(), &fs::read_to_string(&theirs).unwrap()).unwrap();

    let changed = fs::read_to_string(&manifest).unwrap().replace("\"sluice\"", "\"slujce\"");
    fs::write(&manifest, changed).unwrap();
    minisign().refused(&["verification failed"]);
}
