//! Envelope encryption. Each document with secrets has a random data key; each secret is sealed with it
//! (XChaCha20-Poly1305, random nonce), and the data key is sealed with the current key of [`Keys`]. All are bound to their
//! place (organization, sandbox, resource, id, field, key version): a ciphertext copied elsewhere does not open.

use crate::keys::{Key, Keys, random};
use crate::{Secrets, rows::Place};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use forebay_model::{Error, Result};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

const NONCE: usize = 24;

/// The sealed column: ciphertexts in base64, each a nonce and what it sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    /// Version of the key that wraps `key`.
    version: u32,
    /// The data key, wrapped.
    key: String,
    /// By JSON pointer.
    fields: BTreeMap<String, String>,
}

/// Seals all secrets of a document; nothing for none.
pub(crate) fn seal(keys: &Keys, place: &Place<'_>, secrets: &Secrets) -> Result<Option<Vec<u8>>> {
    if secrets.is_empty() {
        return Ok(None);
    }
    let (version, wrapping) = keys.current();
    let data: Key = Zeroizing::new(random()?);
    let mut fields = BTreeMap::new();
    for (field, secret) in secrets {
        let sealed = encrypt(
            &data,
            &bound_to(place, field, version),
            secret.expose_secret().as_bytes(),
        )?;
        fields.insert(field.clone(), STANDARD_NO_PAD.encode(sealed));
    }
    let key = STANDARD_NO_PAD.encode(encrypt(
        wrapping,
        &bound_to(place, "", version),
        data.as_slice(),
    )?);
    let envelope = Envelope {
        version,
        key,
        fields,
    };
    Ok(Some(
        serde_json::to_vec(&envelope).expect("text and numbers are JSON"),
    ))
}

/// Opens what [`seal`] made for the same place.
pub(crate) fn open(keys: &Keys, place: &Place<'_>, sealed: &[u8]) -> Result<Secrets> {
    open_all(keys, place, sealed).ok_or_else(|| {
        Error::internal(format!(
            "The stored credentials of {} {} cannot be opened: they were changed outside of this program, or sealed with a key that {} lacks.",
            place.resource,
            place.id,
            keys.origin()
        ))
    })
}

fn open_all(keys: &Keys, place: &Place<'_>, sealed: &[u8]) -> Option<Secrets> {
    let envelope: Envelope = serde_json::from_slice(sealed).ok()?;
    let wrapping = keys.get(envelope.version)?;
    let wrapped = STANDARD_NO_PAD.decode(&envelope.key).ok()?;
    let opened = Zeroizing::new(decrypt(
        wrapping,
        &bound_to(place, "", envelope.version),
        &wrapped,
    )?);
    let data: Key = Zeroizing::new(opened.as_slice().try_into().ok()?);
    let mut secrets = Secrets::new();
    for (field, sealed) in &envelope.fields {
        let sealed = STANDARD_NO_PAD.decode(sealed).ok()?;
        let plain = Zeroizing::new(decrypt(
            &data,
            &bound_to(place, field, envelope.version),
            &sealed,
        )?);
        secrets.insert(
            field.clone(),
            SecretString::from(std::str::from_utf8(&plain).ok()?),
        );
    }
    Some(secrets)
}

/// The associated data. Each part is preceded by its length, so that no two places read the same.
fn bound_to(place: &Place<'_>, field: &str, version: u32) -> Vec<u8> {
    let version = version.to_string();
    associate(&[
        place.org,
        place.sandbox,
        place.resource,
        place.id,
        field,
        &version,
    ])
}

pub(crate) fn associate(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// A random nonce, then the ciphertext.
pub(crate) fn encrypt(key: &Key, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let nonce = random::<NONCE>()?;
    let payload = Payload {
        msg: plain,
        aad: associated,
    };
    let cipher = XChaCha20Poly1305::new((&**key).into());
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| Error::internal("A value is too long to be sealed."))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// The plain bytes, if key, associated data and ciphertext belong together.
pub(crate) fn decrypt(key: &Key, associated: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    let payload = Payload {
        msg: sealed,
        aad: associated,
    };
    XChaCha20Poly1305::new((&**key).into())
        .decrypt(&XNonce::from(*nonce), payload)
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place {
        org: "O@AdobeOrg",
        sandbox: "s1",
        resource: "connections",
        id: "c1",
    };

    fn secrets() -> Secrets {
        Secrets::from([
            ("/auth/params/a".to_string(), "first".into()),
            ("/auth/params/b".to_string(), "second".into()),
        ])
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_only() {
        let keys = Keys::from_bytes([7; 32]);
        let sealed = seal(&keys, &PLACE, &secrets())
            .expect("it seals")
            .expect("there are secrets");
        let opened = open(&keys, &PLACE, &sealed).expect("it opens");
        assert_eq!(opened["/auth/params/b"].expose_secret(), "second");
        for place in [
            Place {
                org: "P@AdobeOrg",
                ..PLACE
            },
            Place {
                sandbox: "s2",
                ..PLACE
            },
            Place {
                resource: "flows",
                ..PLACE
            },
            Place { id: "c2", ..PLACE },
            Place {
                org: "O@AdobeOrgs",
                sandbox: "1",
                ..PLACE
            },
        ] {
            assert!(open(&keys, &place, &sealed).is_err());
        }
        assert!(open(&Keys::from_bytes([8; 32]), &PLACE, &sealed).is_err());
        assert!(
            seal(&keys, &PLACE, &Secrets::new())
                .expect("it seals")
                .is_none()
        );
    }

    #[test]
    fn fields_cannot_change_places() {
        let keys = Keys::from_bytes([7; 32]);
        let sealed = seal(&keys, &PLACE, &secrets())
            .expect("it seals")
            .expect("there are secrets");
        let mut envelope: Envelope = serde_json::from_slice(&sealed).expect("it is JSON");
        let a = envelope.fields["/auth/params/a"].clone();
        envelope.fields.insert("/auth/params/b".into(), a);
        assert!(
            open(
                &keys,
                &PLACE,
                &serde_json::to_vec(&envelope).expect("it is JSON")
            )
            .is_err()
        );
    }

    #[test]
    fn no_bit_can_be_flipped() {
        let keys = Keys::from_bytes([7; 32]);
        let sealed = seal(&keys, &PLACE, &secrets())
            .expect("it seals")
            .expect("there are secrets");
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = open(&keys, &PLACE, &flipped)
                .err()
                .unwrap_or_else(|| panic!("bit {bit} was not noticed"));
            assert!(!error.to_string().contains("first"));
        }
    }
}
