//! JWTs that others sign: opened with public keys that we were given, and with nothing that the token itself brings.
//!
//! What always holds: the key is found by its id among known keys, or the token is refused; the algorithm is one that the
//! key is for, and asymmetric; a token that names a place to fetch keys from, or asks for an extension, is refused; so is
//! one in which a member stands twice.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_model::Time;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// A longer token is nobody's.
pub const MAX_TOKEN: usize = 8 * 1024;
/// How far two clocks may differ, in seconds.
pub const LEEWAY: i64 = 60;
/// A token that is good for longer than a year is a mistake of its issuer's.
const LONGEST_LIFE: i64 = 366 * 86_400;
/// Keys of one set.
const MOST_KEYS: usize = 100;
/// Characters of a key's id.
const MAX_KID: usize = 256;
/// Bytes of an RSA modulus: 2048 bits.
const LEAST_RSA: usize = 256;
/// Members of a header by which a token brings its own key, or asks to be understood otherwise.
const REFUSED: &[&str] = &["jku", "x5u", "jwk", "x5c", "crit", "cty", "b64", "zip", "enc"];

/// Public keys.
#[derive(Debug, Clone, Default)]
pub struct KeySet(Vec<Key>);

#[derive(Clone)]
struct Key {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.kid)
    }
}

/// What a token's header says, as far as it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The algorithm.
    pub alg: Algorithm,
    /// The key's id.
    pub kid: Option<String>,
}

impl KeySet {
    /// The usable keys of a JWK set: asymmetric, for signatures, not too small. Others are passed over.
    pub fn parse(set: &Value) -> Option<KeySet> {
        let keys = set.get("keys")?.as_array()?;
        Some(KeySet(keys.iter().take(MOST_KEYS).filter_map(|key| Key::parse(key).ok()).collect()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether a key has that id.
    pub fn has(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// The claims of a token that one of the keys has signed. With a `kid`, the key of that id; without one, any.
    pub fn open(&self, token: &str, head: &Head) -> Option<Map<String, Value>> {
        let fits = |key: &&Key| (head.kid.is_none() || key.kid == head.kid) && key.algorithms.contains(&head.alg);
        let signed = self.0.iter().filter(fits).any(|key| {
            // The signature is judged here, the claims by whoever asks.
            let mut validation = Validation::new(head.alg);
            validation.validate_exp = false;
            validation.validate_aud = false;
            validation.required_spec_claims.clear();
            jsonwebtoken::decode::<Value>(token, &key.key, &validation).is_ok()
        });
        if signed { claims(token) } else { None }
    }
}

impl Key {
    /// A public key that can be used to check signatures, or why not.
    fn parse(value: &Value) -> Result<Key, &'static str> {
        let jwk: Jwk = serde_json::from_value(value.clone()).map_err(|_| "it is not a JWK")?;
        let of_signatures = jwk.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
            && jwk.common.key_operations.as_ref().is_none_or(|ops| ops.contains(&KeyOperations::Verify));
        if !of_signatures {
            return Err("it is not for signatures");
        }
        let mut algorithms = match &jwk.algorithm {
            AlgorithmParameters::RSA(rsa) => {
                let modulus = URL_SAFE_NO_PAD.decode(&rsa.n).map_err(|_| "its modulus is not base64url")?;
                if modulus.iter().skip_while(|byte| **byte == 0).count() < LEAST_RSA {
                    return Err("an RSA key has at least 2048 bits");
                }
                use Algorithm::*;
                vec![RS256, RS384, RS512, PS256, PS384, PS512]
            }
            AlgorithmParameters::EllipticCurve(ec) => match ec.curve {
                EllipticCurve::P256 => vec![Algorithm::ES256],
                EllipticCurve::P384 => vec![Algorithm::ES384],
                _ => return Err("its curve is none of P-256, P-384 and Ed25519"),
            },
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => vec![Algorithm::EdDSA],
            _ => return Err("it is not a public key of RSA, P-256, P-384 or Ed25519"),
        };
        if let Some(alg) = jwk.common.key_algorithm {
            algorithms.retain(|algorithm| format!("{algorithm:?}") == alg.to_string());
        }
        if algorithms.is_empty() {
            return Err("its alg does not fit its kty");
        }
        let key = DecodingKey::from_jwk(&jwk).map_err(|_| "its numbers are not base64url")?;
        Ok(Key { kid: jwk.common.key_id, algorithms, key })
    }
}

/// Why a JWK cannot be used to check signatures; none if it can.
pub fn fault(jwk: &Value) -> Option<&'static str> {
    if jwk.get("d").is_some() || jwk.get("k").is_some() {
        return Some("it is a private key: send the public one alone");
    }
    Key::parse(jwk).err()
}

/// The header of a token that has nothing in it that we refuse.
pub fn head(token: &str) -> Option<Head> {
    if token.len() > MAX_TOKEN || token.split('.').count() != 3 {
        return None;
    }
    let header = part(token, 0)?;
    if REFUSED.iter().any(|name| header.contains_key(*name)) {
        return None;
    }
    if let Some(typ) = header.get("typ")
        && !typ
            .as_str()
            .is_some_and(|typ| ["jwt", "at+jwt", "application/at+jwt"].contains(&typ.to_ascii_lowercase().as_str()))
    {
        return None;
    }
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) if !kid.is_empty() && kid.len() <= MAX_KID => Some(kid.clone()),
        Some(_) => return None,
    };
    let alg = match header.get("alg")?.as_str()? {
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "PS256" => Algorithm::PS256,
        "PS384" => Algorithm::PS384,
        "PS512" => Algorithm::PS512,
        "ES256" => Algorithm::ES256,
        "ES384" => Algorithm::ES384,
        "EdDSA" => Algorithm::EdDSA,
        _ => return None,
    };
    Some(Head { alg, kid })
}

/// What a token says, signed or not: to be believed only after its signature was checked.
pub fn claims(token: &str) -> Option<Map<String, Value>> {
    if token.len() > MAX_TOKEN { None } else { part(token, 1) }
}

/// Whether a token is good now, by its `exp` (needed), `nbf` and `iat`: whole seconds.
pub fn alive(claims: &Map<String, Value>, now: Time) -> bool {
    let now = now.timestamp();
    let Some(exp) = claims.get("exp").and_then(Value::as_i64) else {
        return false;
    };
    let begun = |name: &str| match claims.get(name) {
        None => true,
        Some(value) => value.as_i64().is_some_and(|from| now >= from.saturating_sub(LEEWAY)),
    };
    now <= exp.saturating_add(LEEWAY) && exp <= now + LONGEST_LIFE && begun("nbf") && begun("iat")
}

/// Whether a token is for somebody: its `aud` is that text, or a list that has it.
pub fn is_for(claims: &Map<String, Value>, audience: impl Fn(&str) -> bool) -> bool {
    match claims.get("aud") {
        Some(Value::String(one)) => audience(one),
        Some(Value::Array(all)) => {
            all.iter().all(Value::is_string) && all.iter().filter_map(Value::as_str).any(audience)
        }
        _ => false,
    }
}

fn part(token: &str, index: usize) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(index)?).ok()?;
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    let map = reader.deserialize_map(Once).ok()?;
    reader.end().ok()?;
    Some(map)
}

/// An object in which no name stands twice: two readers could each believe another one.
struct Once;

impl<'de> Visitor<'de> for Once {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Map<String, Value>, A::Error> {
        let mut map = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(map)
    }
}
