//! Repositories of FreeBSD packages: their compression, signatures and locations.

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
fn a_catalogue_is_read_with_any_compression() {
    let desk = Desk::new();
    let plain = desk.mirror.site(&[]);
    let (first, second) = plain.split_at(700);
    fs::remove_file(desk.mirror.path().join("packagesite.pkg")).unwrap();
    for (packing, extension) in [
        (Packing::Zstd, "tzst"),
        (Packing::Xz, "txz"),
        (Packing::Bzip2, "tbz"),
        (Packing::Gzip, "tgz"),
        (Packing::Plain, "tar"),
    ] {
        // pkg 1.17 and later call it .pkg with any compression; pbzip2 and similar programs compress in parts.
        for extension in [extension, "pkg"] {
            for packed in [packing.pack(&plain), [packing.pack(first), packing.pack(second)].concat()] {
                let site = desk.mirror.path().join(format!("packagesite.{extension}"));
                fs::write(&site, packed).unwrap();
                assert_eq!(desk.lock(GOOD).unwrap().packages.len(), 20, "{packing:?}, {extension}");
                fs::remove_file(site).unwrap();
            }
        }
    }
}

#[test]
fn a_catalogue_in_another_compression_or_damaged_is_refused() {
    let desk = Desk::new();
    let attempt = |bytes: &[u8]| {
        fs::write(desk.mirror.path().join("packagesite.pkg"), bytes).unwrap();
        desk.refusal(desk.lock("libuv\n"))
    };
    insta::assert_snapshot!(attempt(&[0x04, 0x22, 0x4d, 0x18, 0]), @"
reading the catalogue of the repository [desk]/mirror: it is compressed with lz4, which is not supported
hint: use zstd, xz, bzip2 or gzip, as pkg does, or no compression
");
    insta::assert_snapshot!(attempt(b"LZIP\x01"), @"
reading the catalogue of the repository [desk]/mirror: it is compressed with lzip, which is not supported
hint: use zstd, xz, bzip2 or gzip, as pkg does, or no compression
");
    insta::assert_snapshot!(attempt(&[0x5d, 0, 0, 0x80]), @"
reading the catalogue of the repository [desk]/mirror: it is compressed with lzma, which is not supported
hint: use zstd, xz, bzip2 or gzip, as pkg does, or no compression
");
    insta::assert_snapshot!(attempt(&[0x1f, 0x9d, 0x90]), @"
reading the catalogue of the repository [desk]/mirror: it is compressed with compress, which is not supported
hint: use zstd, xz, bzip2 or gzip, as pkg does, or no compression
");
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
fn every_type_of_signature_that_pkg_makes_is_accepted() {
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
        let (algorithm, key) = (words[0], bytes(words[2]));
        let with_header = |bytes: Vec<u8>| match algorithm {
            "rsa" => bytes,
            algorithm => [format!("$PKGSIGN:{algorithm}$").into_bytes(), bytes].concat(),
        };
        let (for_file, for_repository) = (with_header(bytes(words[3])), with_header(bytes(words[4])));
        let lock = |desk: &Desk, members: &[(&str, Vec<u8>)]| {
            desk.mirror.publish(members);
            desk.lock("tool\n").map(|lock| lock.signature)
        };

        fs::write(desk.dir.path().join("key.pub"), &key).unwrap();
        desk.product.trust = Trust::Key("key.pub".into());
        assert_eq!(lock(&desk, &[("signature", for_file.clone())]).unwrap(), "pubkey", "{line}");
        let crossed = lock(&desk, &[("signature", for_repository.clone())]);

        let fingerprint = hex::encode(Sha256::digest(&key));
        fs::write(trusted.join("it"), format!("function: sha256\nfingerprint: {fingerprint}\n")).unwrap();
        desk.product.trust = Trust::Fingerprints("keys".into());
        let members =
            |signature: &[u8]| [("it.sig", signature.to_vec()), ("it.pub", with_header(key.clone()))];
        assert_eq!(lock(&desk, &members(&for_repository)).unwrap(), "fingerprints", "{line}");
        if algorithm != "rsa" {
            refused +=
                &format!("{}\n{}\n", desk.refusal(crossed), desk.refusal(lock(&desk, &members(&for_file))));
        }
        if words[1] == "odd" {
            let bare = [("it.sig", for_repository.clone()), ("it.pub", key.clone())];
            insta::assert_snapshot!(desk.refusal(lock(&desk, &bare)), @"verifying the signature of the repository [desk]/mirror: it.sig uses eddsa, but it.pub is a key for rsa");
            let gost = [("it.sig", text("$PKGSIGN:gost$x")), ("it.pub", with_header(key.clone()))];
            insta::assert_snapshot!(desk.refusal(lock(&desk, &gost)), @"verifying the signature of the repository [desk]/mirror: reading it.sig: it uses `gost`; only rsa, ecdsa and eddsa are supported");
        }
    }
    let refused: BTreeSet<&str> = refused.lines().collect();
    assert_eq!(
        refused.into_iter().collect::<Vec<_>>(),
        [
            "verifying the signature of the repository [desk]/mirror: the signature does not match the key [desk]/key.pub: the \
             catalogue was changed, or signed with another key",
            "verifying the signature of the repository [desk]/mirror: the signature of `it` does not match: the catalogue was changed",
        ]
    );
}

#[test]
fn a_repository_is_accepted_if_it_is_signed_with_a_trusted_key() {
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
    attempt(&desk, &[("signature", good.sign_with_old_openssl(&catalogue))]).unwrap();
    attempt(&desk, &[("signature", [good.sign_with_old_openssl(&catalogue), vec![0]].concat())]).unwrap();
    insta::assert_snapshot!(desk.refusal(attempt(&desk, &[])), @"verifying the signature of the repository [desk]/mirror: the catalogue has no member `signature`");
    insta::assert_snapshot!(desk.refusal(attempt(&desk, &[("signature", other.sign(&catalogue))])), @"verifying the signature of the repository [desk]/mirror: the signature does not match the key [desk]/key.pem: the catalogue was changed, or signed with another key");
    insta::assert_snapshot!(desk.refusal(attempt(&desk, &[("signature", good.sign(&catalogue[1..]))])), @"verifying the signature of the repository [desk]/mirror: the signature does not match the key [desk]/key.pem: the catalogue was changed, or signed with another key");
    insta::assert_snapshot!(desk.refusal(attempt(&desk, &[("signature", text("$PKGSIGN:ecdsa$x"))])), @"
verifying the signature of the repository [desk]/mirror: reading the public key [desk]/key.pem: it is not a public key in DER, but the repository is signed with ECDSA
hint: `pkg key --public -t ecdsa` writes one
");
    insta::assert_snapshot!(desk.refusal(attempt(&desk, &[("FreeBSD.sig", vec![1])])), @r#"
verifying the signature of the repository [desk]/mirror: the catalogue has no member `signature`
hint: it is signed for fingerprints; set packages.signature = "fingerprints"
"#);
    fs::write(&key, "no key").unwrap();
    insta::assert_snapshot!(desk.refusal(attempt(&desk, &[("signature", good.sign(&catalogue))])), @"verifying the signature of the repository [desk]/mirror: reading the public key [desk]/key.pem: it is not an RSA public key in PEM (`BEGIN PUBLIC KEY`), but the repository is signed with RSA");
    fs::remove_file(&key).unwrap();
    insta::assert_snapshot!(desk.refusal(attempt(&desk, &[("signature", good.sign(&catalogue))])), @"verifying the signature of the repository [desk]/mirror: reading the public key [desk]/key.pem (packages.key in the product definition): No such file or directory (os error 2)");
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
    insta::assert_snapshot!(desk.refusal(signed(&good, &catalogue)), @"
verifying the signature of the repository [desk]/mirror: [desk]/keys/trusted contains no fingerprints
hint: FreeBSD's are in /usr/share/keys/pkg of a world
");
    fs::create_dir_all(keys.join("trusted")).unwrap();
    fs::write(keys.join("trusted/pkg.example.org"), good.fingerprint()).unwrap();
    signed(&good, &catalogue).unwrap();
    insta::assert_snapshot!(desk.refusal(signed(&other, &catalogue)), @"verifying the signature of the repository [desk]/mirror: the key `FreeBSD` with the fingerprint [sha256] is not trusted");
    insta::assert_snapshot!(desk.refusal(signed(&good, &catalogue[1..])), @"verifying the signature of the repository [desk]/mirror: the signature of `FreeBSD` does not match: the catalogue was changed");
    fs::create_dir(keys.join("revoked")).unwrap();
    fs::write(keys.join("revoked/old"), good.fingerprint()).unwrap();
    insta::assert_snapshot!(desk.refusal(signed(&good, &catalogue)), @"verifying the signature of the repository [desk]/mirror: the key `FreeBSD` that signed it is revoked by [desk]/keys/revoked/old");
    fs::write(keys.join("revoked/old"), "function: md5\n").unwrap();
    insta::assert_snapshot!(desk.refusal(signed(&good, &catalogue)), @"verifying the signature of the repository [desk]/mirror: reading the fingerprint [desk]/keys/revoked/old: its function is `md5`; only sha256 is supported");
    fs::remove_dir_all(keys.join("revoked")).unwrap();
    desk.mirror.publish(&[]);
    insta::assert_snapshot!(desk.refusal(desk.lock("libuv\n")), @"verifying the signature of the repository [desk]/mirror: the catalogue has no signature with a key (NAME.sig and NAME.pub)");
}

#[test]
fn a_damaged_or_missing_repository_is_reported() {
    let mut desk = Desk::new();
    let site = desk.mirror.path().join("packagesite.pkg");
    let attempt = |bytes: &[u8]| {
        fs::write(&site, bytes).unwrap();
        desk.refusal(desk.lock("libuv\n"))
    };
    let whole = fs::read(&site).unwrap();
    insta::assert_snapshot!(attempt(&whole[..whole.len() / 2]), @"reading the catalogue of the repository [desk]/mirror: reading its archive: it is damaged: incomplete frame");
    insta::assert_snapshot!(attempt(&zstd::encode_all(&[0_u8; 1024][..], 1).unwrap()), @"reading the catalogue of the repository [desk]/mirror: its archive does not contain packagesite.yaml");
    fs::write(desk.mirror.path().join("meta.conf"), "version = 3;\n").unwrap();
    insta::assert_snapshot!(attempt(&whole), @"reading meta.conf of the repository [desk]/mirror: its version is 3; only 1 and 2 are supported");
    fs::remove_file(&site).unwrap();
    fs::remove_file(desk.mirror.path().join("meta.conf")).unwrap();
    insta::assert_snapshot!(desk.refusal(desk.lock("libuv\n")), @"
reading the repository [desk]/mirror: it has no catalogue (packagesite.pkg, packagesite.tzst, packagesite.txz, packagesite.tbz, packagesite.tgz, packagesite.tar)
hint: set packages.repository to the directory that contains `meta.conf`
");
    desk.product.repository = Some("nowhere".into());
    insta::assert_snapshot!(desk.refusal(desk.lock("libuv\n")), @"reading meta.conf of the repository [desk]/nowhere: no such directory");
    desk.product.repository = Some("https://pkg.example.org".into());
    insta::assert_snapshot!(desk.refusal(desk.lock("libuv\n")), @"
packages.repository: `https://pkg.example.org` is neither a directory nor an http:// address
hint: http:// is as safe as https://, because signature and checksums are verified; a mirror can also be a directory
");
    desk.product.repository = None;
    insta::assert_snapshot!(desk.refusal(desk.lock("libuv\n")), @r#"
no package repository is configured
hint: set `repository = "..."` in [packages] of appliance/appliance.toml to a directory or an http:// address
"#);
}

/// Serves the files below `dir` over HTTP while the test runs; returns the address.
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
            let _ = (&stream).write_all(&answer); // the client may have disconnected
        }
    });
    address
}

#[test]
fn a_repository_may_be_on_a_web_server() {
    let mut desk = Desk::new();
    let from_directory = desk.install(GOOD).unwrap();
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
    assert_eq!(paths(&over_http), paths(&from_directory));
}
