//! Hashes of texts, in hexadecimal, and ids.

use super::{Args, Builtin, Gives, builtin};
use crate::mapping::value::{Fault, Outcome, Value};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use std::borrow::Cow;
use uuid::Uuid;

pub(super) static ALL: &[Builtin] = &[
    builtin("sha1", 1, 2, Gives::Text, digest::<Sha1>),
    builtin("sha256", 1, 2, Gives::Text, digest::<Sha256>),
    builtin("sha512", 1, 2, Gives::Text, digest::<Sha512>),
    builtin("md5", 1, 2, Gives::Text, digest::<Md5>),
    builtin("crc32", 1, 2, Gives::Text, crc32),
    builtin("fpid_to_ecid", 1, 1, Gives::Text, fpid_to_ecid),
    Builtin { varies: true, ..builtin("uuid", 0, 0, Gives::Text, |_| Ok(Value::owned(Uuid::new_v4().to_string()))) },
];

fn digest<'a, D: Digest>(args: &Args<'a>) -> Outcome<'a> {
    let Some(text) = args.text(0)? else {
        return Ok(Value::Null);
    };
    Ok(Value::owned(hex(&D::digest(bytes(args, &text)?))))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The least byte first, as the public documentation prints it.
fn crc32<'a>(args: &Args<'a>) -> Outcome<'a> {
    let Some(text) = args.text(0)? else {
        return Ok(Value::Null);
    };
    let mut crc = flate2::Crc::new();
    crc.update(&bytes(args, &text)?);
    Ok(Value::owned(format!("{:08x}", crc.sum().swap_bytes())))
}

/// A text in the character set that the call names. As in Java, UTF-16 begins with its byte order mark, and a character
/// that the set lacks is a question mark.
fn bytes<'t>(args: &Args<'_>, text: &'t str) -> Result<Cow<'t, [u8]>, Fault> {
    let name = args.text(1)?.unwrap_or_default().trim().to_ascii_uppercase();
    let narrow = |most: u32| text.chars().map(|c| if u32::from(c) <= most { c as u32 as u8 } else { b'?' }).collect();
    Ok(match name.as_str() {
        "" | "UTF-8" | "UTF8" => Cow::Borrowed(text.as_bytes()),
        "UTF-16" | "UTF16" => {
            let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
            Cow::Owned(units.flat_map(u16::to_be_bytes).collect())
        }
        "ISO-8859-1" | "LATIN1" => Cow::Owned(narrow(0xFF)),
        "US-ASCII" | "ASCII" => Cow::Owned(narrow(0x7F)),
        _ => {
            let name: String = name.chars().take(40).collect();
            return Err(format!(
                "{}() knows no character set {name:?}: it is UTF-8, UTF-16, ISO-8859-1 or US-ASCII",
                args.builtin.name
            )
            .into());
        }
    })
}

/// Two halves of 19 digits, each of 63 bits of a hash.
fn fpid_to_ecid<'a>(args: &Args<'a>) -> Outcome<'a> {
    let Some(text) = args.text(0)?.filter(|text| !text.trim().is_empty()) else {
        return Ok(Value::Null);
    };
    let Ok(id) = Uuid::parse_str(text.trim()) else {
        return Err("fpid_to_ecid() takes a UUID, and this is none".into());
    };
    let hash = Sha256::digest(id.as_bytes());
    let half = |from: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hash[from..from + 8]);
        u64::from_be_bytes(bytes) >> 1
    };
    Ok(Value::owned(format!("{:019}{:019}", half(0), half(8))))
}
