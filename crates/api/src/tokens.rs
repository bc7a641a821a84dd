//! Access tokens: ours are JWTs signed with one key and one algorithm, both fixed by the server and never by the token;
//! those of another issuer are judged by `issuer.rs`.

use crate::issuer::{Issuer, Vouched};
use crate::jwt::{self, LEEWAY, MAX_TOKEN};
use forebay_model::error::{Context, Kind};
use forebay_model::{Document, Error, Result, Time, code};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// How long a token lives, in seconds. The answer says one less, as the public service does (PL-IMS-1).
pub const LIFE: i64 = 86_400;
/// How long a refresh token lives, in seconds.
pub const REFRESH_LIFE: i64 = 14 * 86_400;
/// `iss` of our tokens.
pub const ISSUER: &str = "forebay";
const AUDIENCE: &str = "forebay-api";
const REFRESH: &str = "forebay-refresh";
/// How the accounts of clients end.
pub const ACCOUNT_DOMAIN: &str = "@techacct.adobe.com";

/// The key that signs tokens.
#[derive(Clone)]
pub struct TokenKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
    other: Option<Arc<Issuer>>,
}

/// Whom a token is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A client of ours.
    Client(Claims),
    /// Somebody whom the other issuer vouches for.
    Other(Vouched),
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(********)")
    }
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    /// The technical account.
    pub sub: String,
    /// The client it was issued to.
    pub client_id: String,
    /// The client's organization.
    pub org: String,
    /// Which of the client's secrets it was issued for: a token does not outlive its secret.
    #[serde(default)]
    pub version: i64,
    /// Which token it is: what signing out revokes. Older tokens go by their hash.
    #[serde(default)]
    pub jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl Claims {
    /// The last second at which the token is accepted, in epoch seconds.
    pub fn ends(&self) -> i64 {
        self.exp + LEEWAY
    }

    /// When the token expires, in epoch seconds.
    pub fn expires(&self) -> i64 {
        self.exp
    }
}

impl TokenKey {
    /// From the server's secret.
    pub fn new(secret: &[u8]) -> TokenKey {
        let (encoding, decoding) = (EncodingKey::from_secret(secret), DecodingKey::from_secret(secret));
        TokenKey { encoding, decoding, other: None }
    }

    /// Accepts the tokens of another issuer besides.
    pub fn accepting(self, issuer: Issuer) -> TokenKey {
        TokenKey { other: Some(Arc::new(issuer)), ..self }
    }

    /// A token for a client with its first secret.
    ///
    /// # Errors
    /// When the token cannot be signed: a fault of ours.
    pub fn issue(&self, client_id: &str, org: &str, now: Time) -> Result<String> {
        self.sign(AUDIENCE, LIFE, client_id, org, 0, now)
    }

    /// A token for a client, for a version of its secret.
    pub fn issue_for(&self, client_id: &str, org: &str, version: i64, now: Time) -> Result<String> {
        self.sign(AUDIENCE, LIFE, client_id, org, version, now)
    }

    /// A token that is good for new access tokens, and for nothing else.
    pub fn issue_refresh(&self, client_id: &str, org: &str, version: i64, now: Time) -> Result<String> {
        self.sign(REFRESH, REFRESH_LIFE, client_id, org, version, now)
    }

    fn sign(&self, aud: &str, life: i64, client_id: &str, org: &str, version: i64, now: Time) -> Result<String> {
        let now = now.timestamp();
        let claims = Claims {
            iss: ISSUER.into(),
            aud: aud.into(),
            version,
            jti: format!("{:032x}", crate::system_random()),
            sub: account(client_id),
            client_id: client_id.into(),
            org: org.into(),
            iat: now,
            nbf: now,
            exp: now + life,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).context(
            Kind::Internal,
            &code::FLOW_1400,
            "the access token could not be signed",
        )
    }

    /// Whom a token is about. What it says of its issuer decides only by whose keys it is judged.
    pub async fn identify(&self, token: &str, now: Time) -> Result<Identity> {
        if let Some(other) = &self.other
            && jwt::claims(token).is_some_and(|claims| other.is_of(&claims))
        {
            return other.check(token, now).await.map(Identity::Other);
        }
        self.check(token, now).map(Identity::Client)
    }

    /// The claims of a token that is ours and alive; otherwise 401013.
    ///
    /// # Errors
    /// 401013 for anything else.
    pub fn check(&self, token: &str, now: Time) -> Result<Claims> {
        self.check_for(AUDIENCE, token, now)
    }

    /// The same of a refresh token.
    pub fn check_refresh(&self, token: &str, now: Time) -> Result<Claims> {
        self.check_for(REFRESH, token, now)
    }

    fn check_for(&self, audience: &str, token: &str, now: Time) -> Result<Claims> {
        let invalid = || Error::new(Kind::Unauthenticated, &code::GATEWAY_401013, code::GATEWAY_401013.title);
        if token.len() > MAX_TOKEN {
            return Err(invalid());
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // The times are checked below, by the program's clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let mut claims = match jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation) {
            Ok(token) => token.claims,
            Err(error) => return Err(invalid().caused_by(error)),
        };
        let now = now.timestamp();
        if now > claims.ends() || now < claims.nbf - LEEWAY {
            return Err(invalid());
        }
        if claims.jti.is_empty() {
            claims.jti = crate::bootstrap::secret_hash(token);
        }
        Ok(claims)
    }
}

/// Which secret a client has, counted from 0.
pub fn secret_version(client: &Document) -> i64 {
    client.body["secretVersion"].as_i64().unwrap_or(0)
}

/// The technical account of a client: who `createdBy` names.
pub fn account(client_id: &str) -> String {
    format!("{client_id}{ACCOUNT_DOMAIN}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(1_700_000_000 + seconds, 0).expect("a valid time")
    }

    fn key() -> TokenKey {
        TokenKey::new(b"0123456789abcdef0123456789abcdef")
    }

    #[test]
    fn a_token_says_who_it_was_issued_to() {
        let token = key().issue("client", "ORG@AdobeOrg", at(0)).unwrap();
        let claims = key().check(&token, at(10)).unwrap();
        assert_eq!((claims.client_id.as_str(), claims.org.as_str()), ("client", "ORG@AdobeOrg"));
    }

    #[test]
    fn a_token_lives_a_day_and_a_minute_of_leeway() {
        let token = key().issue("client", "ORG@AdobeOrg", at(0)).unwrap();
        assert!(key().check(&token, at(LIFE + 59)).is_ok());
        assert!(key().check(&token, at(LIFE + 61)).is_err());
        assert!(key().check(&token, at(-59)).is_ok());
        assert!(key().check(&token, at(-61)).is_err());
    }

    #[test]
    fn a_foreign_or_altered_token_is_refused() {
        let token = key().issue("client", "ORG@AdobeOrg", at(0)).unwrap();
        let foreign = TokenKey::new(b"another").issue("client", "ORG@AdobeOrg", at(0)).unwrap();
        let (head, rest) = token.split_once('.').unwrap();
        let (body, signature) = rest.split_once('.').unwrap();
        let unsigned = |alg: &str| URL_SAFE_NO_PAD.encode(format!("{{\"alg\":\"{alg}\",\"typ\":\"JWT\"}}"));
        let mut cases = vec![foreign, String::new(), "a.b.c".into(), format!("{head}.{body}."), token.repeat(40)];
        for alg in ["none", "None", "NONE", "HS512", "RS256"] {
            cases.push(format!("{}.{body}.", unsigned(alg)));
            cases.push(format!("{}.{body}.{signature}", unsigned(alg)));
        }
        for case in cases {
            let error = key().check(&case, at(1)).unwrap_err();
            assert_eq!(error.code, &code::GATEWAY_401013, "{case}");
        }
    }
}
