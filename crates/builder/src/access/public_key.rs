//! One line of an `authorized_keys` file: options, type, key and comment, as sshd(8) describes them under "AUTHORIZED_KEYS
//! FILE FORMAT". The key itself is encoded as RFC 4253 (RSA), RFC 5656 (ECDSA), RFC 8709 (Ed25519) and OpenSSH's PROTOCOL.u2f
//! (`sk-`) describe.

use anyhow::{Context, Result, bail, ensure};
use ct_codecs::{Base64, Decoder as _};

/// The end of the types of keys on FIDO tokens, which begin with `sk-`. Such a key has one more field, its application.
const SK_SUFFIX: &str = "@openssh.com";

/// The types of keys, as OpenSSH writes them.
const TYPES: [&str; 7] = [
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
];

/// Options that may precede a key; those with a value end with `=`.
const OPTIONS: [&str; 22] = [
    "agent-forwarding",
    "cert-authority",
    "command=",
    "environment=",
    "expiry-time=",
    "from=",
    "no-agent-forwarding",
    "no-port-forwarding",
    "no-pty",
    "no-touch-required",
    "no-user-rc",
    "no-x11-forwarding",
    "permitlisten=",
    "permitopen=",
    "port-forwarding",
    "principals=",
    "pty",
    "restrict",
    "tunnel=",
    "user-rc",
    "verify-required",
    "x11-forwarding",
];

/// The shortest RSA modulus that is accepted, in bits.
const RSA_BITS: usize = 2048;

const ED25519_BYTES: usize = 32;

/// Checks a line that is neither empty nor a comment.
///
/// # Errors
/// It is not a public key. The message says why, with a hint.
pub(super) fn check(line: &str) -> Result<()> {
    refuse_other_formats(line)?;
    let (kind, rest) = after_options(line)?;
    let encoded = rest.split_whitespace().next();
    let encoded = encoded.with_context(|| format!("there is no key after `{kind}`\n{CUT}"))?;
    let blob = Base64::decode_to_vec(encoded, None)
        .ok()
        .with_context(|| format!("the key after `{kind}` is not base64\n{CUT}"))?;
    check_blob(kind, &blob)
}

const CUT: &str = "hint: a key is one long line; it may have been cut or broken when it was copied";

/// Recognizes files that are not meant for `authorized_keys`.
fn refuse_other_formats(line: &str) -> Result<()> {
    ensure!(
        !(line.starts_with("-----BEGIN ") && line.contains("PRIVATE KEY")),
        "this is a private key, which must not be in the repository\n\
         hint: name the file with its public half, which ssh-keygen writes beside it with the suffix .pub"
    );
    ensure!(
        !line.starts_with("---- BEGIN SSH2 PUBLIC KEY"),
        "this is a key in the format of RFC 4716\nhint: `ssh-keygen -i -f FILE` prints it in OpenSSH's"
    );
    ensure!(
        !line.starts_with("-----BEGIN "),
        "this is a key in PEM format\nhint: `ssh-keygen -i -m PKCS8 -f FILE` prints it in OpenSSH's"
    );
    ensure!(
        !line.starts_with("ssh-dss "),
        "sshd no longer accepts DSA keys\nhint: `ssh-keygen -t ed25519` makes a key that it accepts"
    );
    Ok(())
}

/// The type of the key, and what follows it, after any options.
fn after_options(line: &str) -> Result<(&'static str, &str)> {
    if let Some(found) = key_type(line) {
        return Ok(found);
    }
    let (options, rest) = split_options(line)?;
    let Some(found) = key_type(rest.trim_start()) else {
        let first = line.split_whitespace().next().unwrap_or_default();
        bail!("`{first}` is not the type of a public key\nhint: the types are {}", TYPES.join(", "));
    };
    options.iter().try_for_each(|option| check_option(option))?;
    Ok(found)
}

fn key_type(text: &str) -> Option<(&'static str, &str)> {
    let (first, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    let kind = TYPES.into_iter().find(|kind| *kind == first)?;
    Some((kind, rest))
}

/// Splits the options off, at commas outside quotation marks, up to the first blank outside quotation marks.
fn split_options(line: &str) -> Result<(Vec<&str>, &str)> {
    let (mut options, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (at, char) in line.char_indices() {
        match char {
            '"' if !is_escaped => is_quoted = !is_quoted,
            ',' | ' ' | '\t' if !is_quoted => {
                options.push(&line[start..at]);
                start = at + 1;
                if char != ',' {
                    return Ok((options, &line[at..]));
                }
            }
            _ => {}
        }
        is_escaped = char == '\\' && !is_escaped;
    }
    ensure!(!is_quoted, "a quotation mark of the options is not closed\n{CUT}");
    options.push(&line[start..]);
    Ok((options, ""))
}

fn check_option(option: &str) -> Result<()> {
    let name = option.split_inclusive('=').next().unwrap_or_default();
    ensure!(
        OPTIONS.contains(&name.to_ascii_lowercase().as_str()),
        "`{option}` is not an option of a key\nhint: sshd(8) lists them; the value of one follows `=` in quotation marks"
    );
    let is_quoted = |value: &str| value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
    ensure!(
        !name.ends_with('=') || is_quoted(&option[name.len()..]),
        "the value of the option `{option}` is not in quotation marks"
    );
    Ok(())
}

/// Checks a decoded key: its fields, their lengths, and that nothing follows.
fn check_blob(kind: &str, blob: &[u8]) -> Result<()> {
    let mut fields = Fields(blob);
    let inside = fields.next()?;
    ensure!(
        inside == kind.as_bytes(),
        "the line says `{kind}`, but the key is of type `{}`\n{CUT}",
        String::from_utf8_lossy(inside)
    );
    let plain = kind.strip_prefix("sk-").and_then(|rest| rest.strip_suffix(SK_SUFFIX));
    match plain.unwrap_or(kind) {
        "ssh-rsa" => {
            fields.next()?;
            let modulus = fields.next()?;
            let bits = bits(modulus);
            ensure!(
                bits >= RSA_BITS,
                "an RSA key of {bits} bits is too short: {RSA_BITS} is the least\n\
                 hint: `ssh-keygen -t ed25519` makes a better one"
            );
        }
        "ssh-ed25519" => check_length(fields.next()?, ED25519_BYTES)?,
        ecdsa => {
            let curve = ecdsa.trim_start_matches("ecdsa-sha2-");
            ensure!(fields.next()? == curve.as_bytes(), "the key is not on the curve {curve}\n{CUT}");
            let coordinate = match curve {
                "nistp256" => 32,
                "nistp384" => 48,
                _ => 66,
            };
            let point = fields.next()?;
            check_length(point, 1 + 2 * coordinate)?;
            ensure!(point[0] == 4, "the key is not an uncompressed point\n{CUT}");
        }
    }
    if plain.is_some() {
        fields.next()?;
    }
    ensure!(fields.0.is_empty(), "{} bytes follow the key\n{CUT}", fields.0.len());
    Ok(())
}

fn check_length(field: &[u8], bytes: usize) -> Result<()> {
    ensure!(field.len() == bytes, "the key has {} bytes in place of {bytes}\n{CUT}", field.len());
    Ok(())
}

/// The length of a positive number, big-endian, in bits.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let first = number.get(zeros).copied().unwrap_or_default();
    ((number.len() - zeros) * 8).saturating_sub(first.leading_zeros() as usize)
}

/// The fields of a key that are left: each has its length in front, 32 bits big-endian.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>().context(ENDS)?;
        let length = usize::try_from(u32::from_be_bytes(*length))?;
        ensure!(rest.len() >= length, "{ENDS}");
        let (field, rest) = rest.split_at(length);
        self.0 = rest;
        Ok(field)
    }
}

const ENDS: &str =
    "the key ends too early\nhint: a key is one long line; it may have been cut or broken when it was copied";

#[cfg(test)]
mod tests {
    use super::*;

    /// As ssh-keygen writes them; nobody has the private halves.
    const KEYS: [&str; 6] = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBS1tjqCxqUUreHXGO8zGqxSdhqUypUC5CJSDrPjUzV+ alice@example.o\
         rg",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBBfk4ENfkzF1l9qeejBY6eL+\
         AtC4ZwSFS5WBKIidxbqZqwI73LJpoblJ76KkRWqx/wSbeIlv7VJouZWfEvSYuqk= alice@example.org",
        "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBOp4UB/hEzdOImW1NXPPIq1f\
         gHatsovm/58tIz48FVhnwarwUi/DtYcwDJR16cXKdR7uYJKK4lvLQy6sv+MI0ldsvkjrMJZH45YcMwm/BDCRTTFJPmyAudof\
         LmUViAavxw== alice@example.org",
        "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAEVqZmUd9KkTPDEn5CsYuTI\
         1/fIflW5bV3rGOOQD/psQ+a0MengdqhZoO5K3aSBZvsZiwGYlRdI+7A8syb54C8IIgBz1U8ffTcnZRSnYfRkvZbWo06yFLYc\
         kCH+M50ZTOMI9sOZaQzzq9oCzGCurrA5eD1XuiVM+0me9dL5UPH1OFGzSw== alice@example.org",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCugQ3SpJfv6qOmPx2aASZntlXjgeJbXwNblV2alDLkdjf/U4+oYIG7wZhE\
         Ws5/zf5q/qJ/lVNbxw9eIaBnonWBp5LaCI3hGaQyNXFu0WZL18sQhjZZWKn8iCVSlY522n028h1p0bcM+UTHDHD/hd+0IlB5\
         5jEluwxZ35L2ggIrGxi93UQs1GqdC1Hb+wOdDV5DovIfqAo3Bz8bQYaARAQy2zOUKSTBvfjaa0B3GVS82le/2PbZ8Ml141I9\
         KAg2sm2AwJF5kpiw+lDDv7uFLSbMdVP7gSSXBQj7HqI5OW32te/Dgsl8D75l4VW5QbOSEco3lofPdHRhf835T8Lbc587 ali\
         ce@example.org",
        "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIBS1tjqCxqUUreHXGO8zGqxSd\
         hqUypUC5CJSDrPjUzV+AAAABHNzaDo= token",
    ];

    fn refusal(line: &str) -> String {
        format!("{:#}", check(line).unwrap_err())
    }

    #[test]
    fn keys_of_every_type_are_accepted_with_options_and_without_a_comment() {
        for key in KEYS {
            check(key).unwrap();
            let bare = key.rsplit_once(' ').unwrap().0;
            check(bare).unwrap();
            for options in [
                "restrict",
                "no-pty,from=\"*.example.org,!x, y\"",
                "command=\"sh /root/update \\\"$1\\\" a,b\",no-X11-forwarding",
            ] {
                check(&format!("{options} {key}")).unwrap();
            }
        }
    }

    #[test]
    fn no_part_of_a_key_is_taken_for_a_key() {
        for key in KEYS {
            let (kind, rest) = key.split_once(' ').unwrap();
            let encoded = rest.split(' ').next().unwrap();
            for length in 0..encoded.len() {
                let line = format!("{kind} {}", &encoded[..length]);
                assert!(check(&line).is_err(), "{line}");
            }
            assert!(check(&format!("{kind} {encoded}AAAA")).is_err(), "{kind}: bytes behind the key");
        }
    }

    #[test]
    fn what_is_no_public_key_is_refused_with_advice() {
        let key = KEYS[0];
        let encoded = key.split(' ').nth(1).unwrap();
        let short_rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDI9kplw8eM3xNGhsPzXRh7BMHIKlRC46VKmFtHQYlxZAHzNaDOUUuBvE2tqL9wN4XM\
                         Rvk+DD5ZR1gShahavnUSnaEI3apE27qTMrp/v26wS+rBxA1zh+fKldYyFP+aH1i4hsmfPZjUlAxyKLdJrkYhsAn0GV/Y6tb8\
                         SyqO6MBRFQ== x";
        let lines = [
            "-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(),
            "-----BEGIN PUBLIC KEY-----".to_owned(),
            "---- BEGIN SSH2 PUBLIC KEY ----".to_owned(),
            "ssh-dss AAAAB3NzaC1kc3M= x".to_owned(),
            "hello world".to_owned(),
            "ssh-ed25519".to_owned(),
            format!("ssh-ed25519 {}", &encoded[..40]),
            format!("ssh-ed25519 *{encoded}"),
            format!("ssh-rsa {encoded}"),
            short_rsa.to_owned(),
            format!("form=\"192.0.2.1\" {key}"),
            format!("from=192.0.2.1 {key}"),
            format!("command=\"true {key}"),
        ];
        let said: Vec<String> = lines.iter().map(|line| refusal(line)).collect();
        insta::assert_snapshot!(said.join("\n"));
    }
}
