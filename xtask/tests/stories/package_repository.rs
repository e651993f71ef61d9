//! Repositories of FreeBSD packages: how they are packed, who signed them, and where they are.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;

use builder::packages::layer::Installation;
use freebsd_pkg::cache::Cache;
use freebsd_pkg::signature::Trust;
use sha2::{Digest, Sha256};

use crate::mirror::{Key, Packing};
use crate::packages::{Desk, GOOD, text};

#[test]
fn a_catalogue_is_read_whatever_it_is_packed_with() {
    let desk = Desk::new();
    let plain = desk.mirror.site(&[]);
    let (first, second) = plain.split_at(700);
    fs::remove_file(desk.mirror.path().join("packagesite.pkg")).unwrap();
    for (packing, ending) in [
        (Packing::Zstd, "tzst"),
        (Packing::Xz, "txz"),
        (Packing::Bzip2, "tbz"),
        (Packing::Gzip, "tgz"),
        (Packing::Plain, "tar"),
    ] {
        // pkg 1.17 and later call it .pkg, whatever the packing; pbzip2 and its like pack in parts.
        for ending in [ending, "pkg"] {
            for packed in [packing.pack(&plain), [packing.pack(first), packing.pack(second)].concat()] {
                let site = desk.mirror.path().join(format!("packagesite.{ending}"));
                fs::write(&site, packed).unwrap();
                assert_eq!(desk.lock(GOOD).unwrap().packages.len(), 20, "{packing:?}, {ending}");
                fs::remove_file(site).unwrap();
            }
        }
    }
}

#[test]
fn what_is_packed_in_another_way_or_damaged_is_told() {
    let desk = Desk::new();
    let attempt = |bytes: &[u8]| {
        fs::write(desk.mirror.path().join("packagesite.pkg"), bytes).unwrap();
        desk.refusal(desk.lock("libuv\n"))
    };
    insta::assert_snapshot!(attempt(&[0x04, 0x22, 0x4d, 0x18, 0]), @"reading the catalogue of the repository [desk]/mirror: it is packed with lz4; pack it as pkg does: with zstd, xz, bzip2, gzip, or not at all");
    insta::assert_snapshot!(attempt(b"LZIP\x01"), @"reading the catalogue of the repository [desk]/mirror: it is packed with lzip; pack it as pkg does: with zstd, xz, bzip2, gzip, or not at all");
    insta::assert_snapshot!(attempt(&[0x5d, 0, 0, 0x80]), @"reading the catalogue of the repository [desk]/mirror: it is packed with lzma; pack it as pkg does: with zstd, xz, bzip2, gzip, or not at all");
    insta::assert_snapshot!(attempt(&[0x1f, 0x9d, 0x90]), @"reading the catalogue of the repository [desk]/mirror: it is packed with compress; pack it as pkg does: with zstd, xz, bzip2, gzip, or not at all");
    let cut = |packing: Packing| {
        let packed = packing.pack(&desk.mirror.site(&[]));
        attempt(&packed[..packed.len() / 2])
    };
    insta::assert_snapshot!(cut(Packing::Zstd), @"reading the catalogue of the repository [desk]/mirror: reading its archive: it is damaged: incomplete frame");
    insta::assert_snapshot!(cut(Packing::Xz), @"reading the catalogue of the repository [desk]/mirror: reading packagesite.yaml of the archive: it is damaged: premature eof");
    insta::assert_snapshot!(cut(Packing::Bzip2), @"reading the catalogue of the repository [desk]/mirror: reading its archive: it is damaged: decompression not finished but EOF reached");
    insta::assert_snapshot!(cut(Packing::Gzip), @"reading the catalogue of the repository [desk]/mirror: reading packagesite.yaml of the archive: it is damaged: incomplete deflate stream");
    insta::assert_snapshot!(cut(Packing::Plain), @"reading the catalogue of the repository [desk]/mirror: reading its archive: it is damaged: unexpected EOF during skip");
}

#[test]
fn every_kind_of_signature_that_pkg_makes_is_believed() {
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    };
    let mut lines = include_str!("../../../crates/freebsd-pkg/src/signature/made_by_pkg.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    let mut desk = Desk::new();
    desk.mirror.says(&format!("{}\n", lines.next().unwrap()));
    let trusted = desk.dir.path().join("keys/trusted");
    fs::create_dir_all(&trusted).unwrap();
    let mut refused = String::new();
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let (kind, key) = (words[0], bytes(words[2]));
        let with_head = |bytes: Vec<u8>| match kind {
            "rsa" => bytes,
            kind => [format!("$PKGSIGN:{kind}$").into_bytes(), bytes].concat(),
        };
        let (for_file, for_repository) = (with_head(bytes(words[3])), with_head(bytes(words[4])));
        let lock = |desk: &Desk, members: &[(&str, Vec<u8>)]| {
            desk.mirror.publish(members);
            desk.lock("tool\n").map(|lock| lock.signature)
        };

        fs::write(desk.dir.path().join("key.pub"), &key).unwrap();
        desk.product.trust = Trust::Key("key.pub".into());
        assert_eq!(lock(&desk, &[("signature", for_file.clone())]).unwrap(), "pubkey", "{line}");
        let crossed = lock(&desk, &[("signature", for_repository.clone())]);

        let fingerprint = hex::encode(&Sha256::digest(&key));
        fs::write(trusted.join("it"), format!("function: sha256\nfingerprint: {fingerprint}\n")).unwrap();
        desk.product.trust = Trust::Fingerprints("keys".into());
        let members = |signature: &[u8]| [("it.sig", signature.to_vec()), ("it.pub", with_head(key.clone()))];
        assert_eq!(lock(&desk, &members(&for_repository)).unwrap(), "fingerprints", "{line}");
        if kind != "rsa" {
            refused +=
                &format!("{}\n{}\n", desk.refusal(crossed), desk.refusal(lock(&desk, &members(&for_file))));
        }
        if words[1] == "odd" {
            let bare = [("it.sig", for_repository.clone()), ("it.pub", key.clone())];
            insta::assert_snapshot!(desk.refusal(lock(&desk, &bare)), @"checking who signed the repository [desk]/mirror: it.sig is of the kind eddsa, and it.pub is for rsa");
            let gost = [("it.sig", text("$PKGSIGN:gost$x")), ("it.pub", with_head(key.clone()))];
            insta::assert_snapshot!(desk.refusal(lock(&desk, &gost)), @"checking who signed the repository [desk]/mirror: reading it.sig: it is for `gost`, and of pkg's kinds rsa, ecdsa and eddsa are known");
        }
    }
    let refused: BTreeSet<&str> = refused.lines().collect();
    assert_eq!(
        refused.into_iter().collect::<Vec<_>>(),
        [
            "checking who signed the repository [desk]/mirror: the signature is not that of [desk]/key.pub: the catalogue was \
             changed, or is signed with another key",
            "checking who signed the repository [desk]/mirror: the signature of `it` does not hold: the catalogue was changed",
        ]
    );
}

#[test]
fn a_repository_is_believed_when_someone_trusted_signed_it() {
    let mut desk = Desk::new();
    let (good, other) = (Key::number(0), Key::number(1));
    let key = desk.dir.path().join("key.pem");
    fs::write(&key, good.public()).unwrap();
    desk.product.trust = Trust::Key("key.pem".into());
    let catalogue = desk.mirror.catalogue().to_vec();
    let attempt = |desk: &Desk, members: &[(&str, Vec<u8>)]| {
        desk.mirror.publish(members);
        desk.lock("libuv\n").map(|_| ())
    };
    attempt(&desk, &[("signature", good.sign(&catalogue))]).unwrap();
    attempt(&desk, &[("signature", good.sign_as_of_old(&catalogue))]).unwrap();
    attempt(&desk, &[("signature", [good.sign_as_of_old(&catalogue), vec![0]].concat())]).unwrap();
    insta::assert_snapshot!(desk.refusal(attempt(&desk, &[])), @"checking who signed the repository [desk]/mirror: the catalogue has no member `signature`");
    insta::assert_snapshot!(desk.refusal(attempt(&desk, &[("signature", other.sign(&catalogue))])), @"checking who signed the repository [desk]/mirror: the signature is not that of [desk]/key.pem: the catalogue was changed, or is signed with another key");
    insta::assert_snapshot!(desk.refusal(attempt(&desk, &[("signature", good.sign(&catalogue[1..]))])), @"checking who signed the repository [desk]/mirror: the signature is not that of [desk]/key.pem: the catalogue was changed, or is signed with another key");
    insta::assert_snapshot!(desk.refusal(attempt(&desk, &[("signature", text("$PKGSIGN:ecdsa$x"))])), @"checking who signed the repository [desk]/mirror: reading the public key [desk]/key.pem: it is no public key in DER, and the repository is signed with ECDSA; `pkg key --public -t ecdsa` writes one");
    insta::assert_snapshot!(desk.refusal(attempt(&desk, &[("FreeBSD.sig", vec![1])])), @r#"checking who signed the repository [desk]/mirror: the catalogue has no member `signature`; it is signed for fingerprints: say packages.signature = "fingerprints""#);
    fs::write(&key, "no key").unwrap();
    insta::assert_snapshot!(desk.refusal(attempt(&desk, &[("signature", good.sign(&catalogue))])), @"checking who signed the repository [desk]/mirror: reading the public key [desk]/key.pem: it is no RSA public key in PEM (`BEGIN PUBLIC KEY`), and the repository is signed with RSA");
    fs::remove_file(&key).unwrap();
    insta::assert_snapshot!(desk.refusal(attempt(&desk, &[("signature", good.sign(&catalogue))])), @"checking who signed the repository [desk]/mirror: reading the public key [desk]/key.pem (packages.key in the product definition): No such file or directory (os error 2)");
}

#[test]
fn fingerprints_are_trusted_until_they_are_revoked() {
    let mut desk = Desk::new();
    let (good, other) = (Key::number(0), Key::number(1));
    desk.product.trust = Trust::Fingerprints("keys".into());
    let catalogue = desk.mirror.catalogue().to_vec();
    let signed = |key: &Key, catalogue: &[u8]| {
        desk.mirror.publish(&[("FreeBSD.sig", key.sign(catalogue)), ("FreeBSD.pub", text(&key.public()))]);
        desk.lock("libuv\n").map(|_| ())
    };
    let keys = desk.dir.path().join("keys");
    insta::assert_snapshot!(desk.refusal(signed(&good, &catalogue)), @"checking who signed the repository [desk]/mirror: [desk]/keys/trusted holds no fingerprint; FreeBSD's are in /usr/share/keys/pkg of a world");
    fs::create_dir_all(keys.join("trusted")).unwrap();
    fs::write(keys.join("trusted/pkg.example.org"), good.fingerprint()).unwrap();
    signed(&good, &catalogue).unwrap();
    insta::assert_snapshot!(desk.refusal(signed(&other, &catalogue)), @"checking who signed the repository [desk]/mirror: `FreeBSD` with fingerprint [sha256] is not trusted");
    insta::assert_snapshot!(desk.refusal(signed(&good, &catalogue[1..])), @"checking who signed the repository [desk]/mirror: the signature of `FreeBSD` does not hold: the catalogue was changed");
    fs::create_dir(keys.join("revoked")).unwrap();
    fs::write(keys.join("revoked/old"), good.fingerprint()).unwrap();
    insta::assert_snapshot!(desk.refusal(signed(&good, &catalogue)), @"checking who signed the repository [desk]/mirror: the key `FreeBSD` that signed it is revoked by [desk]/keys/revoked/old");
    fs::write(keys.join("revoked/old"), "function: md5\n").unwrap();
    insta::assert_snapshot!(desk.refusal(signed(&good, &catalogue)), @"checking who signed the repository [desk]/mirror: reading the fingerprint [desk]/keys/revoked/old: its function is `md5`, and only sha256 is known");
    fs::remove_dir_all(keys.join("revoked")).unwrap();
    desk.mirror.publish(&[]);
    insta::assert_snapshot!(desk.refusal(desk.lock("libuv\n")), @"checking who signed the repository [desk]/mirror: the catalogue has no signature with its key (NAME.sig and NAME.pub)");
}

#[test]
fn a_repository_that_is_none_is_told() {
    let mut desk = Desk::new();
    let site = desk.mirror.path().join("packagesite.pkg");
    let attempt = |bytes: &[u8]| {
        fs::write(&site, bytes).unwrap();
        desk.refusal(desk.lock("libuv\n"))
    };
    let whole = fs::read(&site).unwrap();
    insta::assert_snapshot!(attempt(&whole[..whole.len() / 2]), @"reading the catalogue of the repository [desk]/mirror: reading its archive: it is damaged: incomplete frame");
    insta::assert_snapshot!(attempt(&zstd::encode_all(&[0_u8; 1024][..], 1).unwrap()), @"reading the catalogue of the repository [desk]/mirror: its archive does not hold packagesite.yaml");
    fs::write(desk.mirror.path().join("meta.conf"), "version = 3;\n").unwrap();
    insta::assert_snapshot!(attempt(&whole), @"reading meta.conf of the repository [desk]/mirror: its version is 3, and only 1 and 2 are known");
    fs::remove_file(&site).unwrap();
    fs::remove_file(desk.mirror.path().join("meta.conf")).unwrap();
    insta::assert_snapshot!(desk.refusal(desk.lock("libuv\n")), @"reading the repository [desk]/mirror: it has no catalogue (packagesite.pkg, packagesite.tzst, packagesite.txz, packagesite.tbz, packagesite.tgz, packagesite.tar); is it the folder with `meta.conf`?");
    desk.product.repository = Some("nowhere".into());
    insta::assert_snapshot!(desk.refusal(desk.lock("libuv\n")), @"reading meta.conf of the repository [desk]/nowhere: there is no such folder");
    desk.product.repository = Some("https://pkg.example.org".into());
    insta::assert_snapshot!(desk.refusal(desk.lock("libuv\n")), @"packages.repository: `https://pkg.example.org` is neither a folder nor http://; what is fetched is checked by its signature and checksums, so http:// is enough, and a mirror can be a folder");
    desk.product.repository = None;
    insta::assert_snapshot!(desk.refusal(desk.lock("libuv\n")), @r#"no repository to take packages from: say `repository = "..."` under [packages] in appliance/appliance.toml, a folder or http://"#);
}

/// Serves the files below `dir` over HTTP on this machine for as long as the test runs; gives the address.
fn serve(dir: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let dir = dir.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            let mut reader = BufReader::new(&stream);
            reader.read_line(&mut line).unwrap();
            let path = line.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
            while reader.read_line(&mut line).is_ok_and(|_| !line.ends_with("\r\n\r\n")) {}
            let answer = match fs::read(dir.join(path)) {
                Ok(body) => [
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())
                        .into_bytes(),
                    body,
                ]
                .concat(),
                Err(_) => text("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
            };
            let _ = (&stream).write_all(&answer); // the other side may have gone
        }
    });
    address
}

#[test]
fn a_repository_may_be_behind_http() {
    let mut desk = Desk::new();
    let from_folder = desk.install(GOOD).unwrap();
    let key = Key::number(0);
    fs::write(desk.dir.path().join("key.pem"), key.public()).unwrap();
    desk.mirror.publish(&[("signature", key.sign(desk.mirror.catalogue()))]);
    desk.product.trust = Trust::Key("key.pem".into());
    desk.product.repository = Some(serve(desk.mirror.path()));
    desk.cache = Cache::new(desk.dir.path().join("other"));
    let over_http = desk.install(GOOD).unwrap();
    let paths = |installed: &Installation| -> Vec<String> {
        installed
            .layers
            .iter()
            .flat_map(|layer| layer.entries.iter().map(|entry| entry.path.to_string()))
            .collect()
    };
    assert_eq!(paths(&over_http), paths(&from_folder));
}
