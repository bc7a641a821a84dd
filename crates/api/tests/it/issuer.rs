//! Tokens of another issuer, against a key server on loopback that is really asked: what is accepted, what is refused, and
//! when keys are fetched (reliability.md, T17).

use crate::world::{CLIENT, Choices, FLOWS, ORG, OTHER_ORG, Reply, World};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_api::IssuerSettings;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const ISSUER: &str = "https://id.example.com/";
const AUDIENCE: &str = "forebay";
const APP: &str = "their-app";

/// A private key.
pub struct Signer {
    alg: Algorithm,
    kid: String,
    key: EncodingKey,
}

impl Signer {
    pub fn ec(kid: &str) -> Signer {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let der = pair.to_pkcs8v1().unwrap();
        Signer { alg: Algorithm::ES256, kid: kid.into(), key: EncodingKey::from_ec_der(der.as_ref()) }
    }

    fn ed(kid: &str) -> Signer {
        let der = Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap();
        Signer { alg: Algorithm::EdDSA, kid: kid.into(), key: EncodingKey::from_ed_der(der.as_ref()) }
    }

    fn rsa(kid: &str) -> Signer {
        let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        // The key inside of its wrapping, whose length is fixed.
        Signer { alg: Algorithm::RS256, kid: kid.into(), key: EncodingKey::from_rsa_der(&der.as_ref()[26..]) }
    }

    pub fn jwk(&self) -> Value {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.key, self.alg).unwrap()).unwrap();
        jwk["kid"] = json!(self.kid);
        jwk
    }

    pub fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.alg);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }

    /// A token with a header of one's own.
    fn sign_as(&self, header: Value, payload: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", part(&header.to_string()), part(payload));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.alg).unwrap();
        format!("{message}.{signature}")
    }
}

/// A key server.
struct KeyServer {
    url: String,
    keys: Arc<Mutex<Value>>,
    status: Arc<AtomicU16>,
    asked: Arc<AtomicUsize>,
}

impl KeyServer {
    async fn start(keys: Vec<Value>) -> KeyServer {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let keys = Arc::new(Mutex::new(json!({ "keys": keys })));
        let (status, asked) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(0)));
        let (k, s, a) = (keys.clone(), status.clone(), asked.clone());
        let answer = move || {
            a.fetch_add(1, Ordering::SeqCst);
            let status = http::StatusCode::from_u16(s.load(Ordering::SeqCst)).unwrap();
            let body = k.lock().unwrap().to_string();
            async move { (status, body) }
        };
        let router = axum::Router::new().route("/keys", axum::routing::get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        KeyServer { url, keys, status, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn world(&self) -> World {
        let issuer = IssuerSettings {
            issuer: ISSUER.into(),
            audience: AUDIENCE.into(),
            jwks_url: self.url.parse().unwrap(),
            organization: String::new(),
            organization_claim: "org".into(),
            user_claim: "sub".into(),
            client_claim: "azp".into(),
            roles_claim: "realm_access.roles".into(),
        };
        World::with(Choices { allow: vec!["127.0.0.0/8"], issuer: Some(issuer), ..Choices::default() }).await
    }
}

/// What a good token says.
fn claims(world: &World) -> Value {
    let now = world.app.now().timestamp();
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "alice@example.com", "azp": APP, "org": ORG, "iat": now, "nbf": now,
        "exp": now + 3600, "realm_access": { "roles": ["Administrators"] } })
}

async fn call(world: &World, token: &str) -> Reply {
    call_as(world, token, APP, ORG).await
}

async fn call_as(world: &World, token: &str, key: &str, org: &str) -> Reply {
    let call = world.bare("GET", &format!("{FLOWS}/flows")).header("authorization", &format!("Bearer {token}"));
    call.header("x-api-key", key).header("x-gw-ims-org-id", org).send().await
}

#[track_caller]
fn refused(reply: &Reply, what: &str) {
    assert_eq!((reply.status.as_u16(), &reply.body["error_code"]), (401, &json!("401013")), "{what}: {}", reply.text);
}

#[tokio::test]
async fn whom_the_issuer_vouches_for_may_do_what_his_roles_say() {
    for signer in [Signer::ec("k1"), Signer::ed("k1"), Signer::rsa("k1")] {
        let server = KeyServer::start(vec![signer.jwk()]).await;
        let world = server.world().await;
        let reply = call(&world, &signer.sign(&claims(&world))).await;
        assert_eq!(reply.status, 200, "{:?}: {}", signer.alg, reply.text);
    }
    let signer = Signer::ec("k1");
    let server = KeyServer::start(vec![signer.jwk()]).await;
    let world = server.world().await;
    // Without a role he is known, and may nothing.
    let mut none = claims(&world);
    none["realm_access"] = json!({ "roles": ["else"] });
    assert_eq!(call(&world, &signer.sign(&none)).await.status, 403);
    // A role can be given to him here.
    let subjects = "/data/foundation/access-control/administration/roles/administrators/subjects";
    let give = json!([{ "op": "add", "path": "/user", "value": "alice@example.com" }]);
    assert_eq!(world.call("PATCH", subjects).json(give).send().await.status, 200);
    assert_eq!(call(&world, &signer.sign(&none)).await.status, 200);
    let token = signer.sign(&none);
    let call = world.bare("POST", &format!("{FLOWS}/connections")).header("authorization", &format!("Bearer {token}"));
    let reply =
        call.header("x-api-key", APP).header("x-gw-ims-org-id", ORG).json(crate::world::connection()).send().await;
    let made = world.get(&format!("{FLOWS}/connections/{}", reply.body["id"].as_str().unwrap())).await;
    assert_eq!((&made.item()["createdBy"], &made.item()["createdClient"]), (&json!("alice@example.com"), &json!(APP)));
    // Our own tokens are as good as before.
    assert_eq!(world.get(&format!("{FLOWS}/flows")).await.status, 200);
}

#[tokio::test]
async fn a_token_of_another_organization_or_client_is_refused() {
    let signer = Signer::ec("k1");
    let server = KeyServer::start(vec![signer.jwk()]).await;
    let world = server.world().await;
    let token = signer.sign(&claims(&world));
    assert_eq!(call_as(&world, &token, APP, OTHER_ORG).await.body["error_code"], "403025");
    assert_eq!(call_as(&world, &token, CLIENT, ORG).await.body["error_code"], "403003");
    for org in ["NOBODY@AdobeOrg", ""] {
        let mut other = claims(&world);
        other["org"] = json!(org);
        let reply = call_as(&world, &signer.sign(&other), APP, "NOBODY@AdobeOrg").await;
        assert!(reply.status == 403 || reply.status == 401, "{org}: {}", reply.text);
    }
    // A foreign organization's client cannot be borrowed: roles are those of the organization that the token names.
    let mut other = claims(&world);
    other["org"] = json!(OTHER_ORG);
    other["realm_access"] = json!({});
    assert_eq!(call_as(&world, &signer.sign(&other), APP, OTHER_ORG).await.status, 403);
}

#[tokio::test]
async fn claims_that_are_not_as_they_should_be_are_refused() {
    let signer = Signer::ec("k1");
    let server = KeyServer::start(vec![signer.jwk()]).await;
    let world = server.world().await;
    let now = world.app.now().timestamp();
    let with = |name: &str, value: Value| {
        let mut claims = claims(&world);
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value;
        }
        signer.sign(&claims)
    };
    for (name, value) in [
        ("exp", json!(now - 61)),
        ("exp", json!(now + 3600 * 24 * 400)),
        ("exp", json!(now as f64 + 100.5)),
        ("exp", json!((now + 100).to_string())),
        ("exp", json!(-1)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(u64::MAX)),
        ("exp", json!([now + 100])),
        ("exp", Value::Null),
        ("nbf", json!(now + 61)),
        ("nbf", json!("soon")),
        ("iat", json!(now + 61)),
        ("aud", Value::Null),
        ("aud", json!("else")),
        ("aud", json!(["else"])),
        ("aud", json!([])),
        ("aud", json!({ "forebay": true })),
        ("aud", json!([AUDIENCE, 5])),
        ("iss", json!("https://id.example.com")),
        ("iss", json!([ISSUER])),
        ("iss", Value::Null),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("sub", json!(5)),
        ("sub", json!("a\u{0}b")),
        ("sub", json!("x".repeat(300))),
        ("sub", json!(format!("{CLIENT}@techacct.adobe.com"))),
        ("azp", Value::Null),
        ("org", Value::Null),
        ("org", json!([ORG])),
    ] {
        refused(&call(&world, &with(name, value.clone())).await, &format!("{name} {value}"));
    }
    for (name, value) in [
        ("exp", json!(now - 59)),
        ("nbf", json!(now + 59)),
        ("iat", json!(now + 59)),
        ("nbf", Value::Null),
        ("iat", Value::Null),
        ("aud", json!(["else", AUDIENCE])),
    ] {
        let reply = call(&world, &with(name, value.clone())).await;
        assert_eq!(reply.status, 200, "{name} {value}: {}", reply.text);
    }
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let (rsa, ec, thief) = (Signer::rsa("rsa"), Signer::ec("ec"), Signer::ec("ec"));
    let mut oct = json!({ "kty": "oct", "kid": "oct", "k": URL_SAFE_NO_PAD.encode("a secret that a key set should not have"), "alg": "HS256" });
    let server = KeyServer::start(vec![rsa.jwk(), ec.jwk(), oct.take()]).await;
    server.keys.lock().unwrap()["keys"].as_array_mut().unwrap().push(
        json!({ "kty": "oct", "kid": "oct", "k": URL_SAFE_NO_PAD.encode("a secret that a key set should not have") }),
    );
    let world = server.world().await;
    let payload = claims(&world).to_string();
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let good = ec.sign(&claims(&world));
    assert_eq!(call(&world, &good).await.status, 200);
    let mut cases: Vec<(String, String)> = Vec::new();
    let mut add = |what: &str, token: String| cases.push((what.to_string(), token));

    // No signature, in all spellings.
    for alg in ["none", "None", "NONE", "nOnE", "", "null"] {
        for signature in ["", "x", good.rsplit('.').next().unwrap()] {
            let header = part(&json!({ "alg": alg, "kid": "ec" }).to_string());
            add(&format!("alg {alg}"), format!("{header}.{}.{signature}", part(&payload)));
        }
    }
    add("empty signature", format!("{}.", good.rsplit_once('.').unwrap().0));
    add("no signature part", good.rsplit_once('.').unwrap().0.to_string());
    add("nested", format!("{good}.x"));

    // A public key as the secret of an HMAC.
    for public in [rsa.jwk()["n"].as_str().unwrap().as_bytes().to_vec(), rsa.jwk().to_string().into_bytes()] {
        for (kid, alg) in [("rsa", Algorithm::HS256), ("rsa", Algorithm::HS512), ("oct", Algorithm::HS256)] {
            let mut header = Header::new(alg);
            header.kid = Some(kid.into());
            let token = jsonwebtoken::encode(&header, &claims(&world), &EncodingKey::from_secret(&public)).unwrap();
            add("HMAC with a public key", token);
        }
    }
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("oct".into());
    let shared = EncodingKey::from_secret(b"a secret that a key set should not have");
    add("a symmetric key of the set", jsonwebtoken::encode(&header, &claims(&world), &shared).unwrap());

    // Another key, another type of key, another key's id.
    add("a stranger's key", thief.sign(&claims(&world)));
    add("kid of another type", ec.sign_as(json!({ "alg": "ES256", "kid": "rsa" }), &payload));
    add("alg of another type", ec.sign_as(json!({ "alg": "RS256", "kid": "ec" }), &payload));
    add("alg of another curve", ec.sign_as(json!({ "alg": "ES384", "kid": "ec" }), &payload));
    let injections = [
        json!("../../dev/null"),
        json!("' OR 1=1 --"),
        json!("http://evil.example/key"),
        json!("/keys"),
        json!(""),
        json!("x".repeat(10_000)),
        json!(5),
        json!(["ec"]),
        json!({ "ec": 1 }),
        json!("EC"),
        json!("ec\u{0}"),
        json!("ec "),
    ];
    for kid in injections {
        add(&format!("kid {kid}"), thief.sign_as(json!({ "alg": "ES256", "kid": kid }), &payload));
        add(&format!("kid {kid}, own key"), ec.sign_as(json!({ "alg": "ES256", "kid": kid }), &payload));
    }
    add("no kid", ec.sign_as(json!({ "alg": "ES256" }), &payload));

    // A token that brings its own key, or asks for an extension.
    for (name, value) in [
        ("jku", json!("http://127.0.0.1:1/keys")),
        ("x5u", json!("http://127.0.0.1:1/cert")),
        ("jwk", thief.jwk()),
        ("x5c", json!(["AA=="])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("cty", json!("JWT")),
        ("zip", json!("DEF")),
        ("typ", json!("logout+jwt")),
        ("typ", json!(5)),
    ] {
        let mut header = json!({ "alg": "ES256", "kid": "ec" });
        header[name] = value;
        add(&format!("{name} by the thief"), thief.sign_as(header.clone(), &payload));
        add(&format!("{name} by the issuer"), ec.sign_as(header, &payload));
    }

    // Names that stand twice; what is no object; what is too large.
    let twice = payload.replacen('{', &format!("{{\"sub\":\"admin\",\"org\":\"{OTHER_ORG}\","), 1);
    add("claims twice", ec.sign_as(json!({ "alg": "ES256", "kid": "ec" }), &twice));
    let head = part("{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"ec\"}");
    add("alg twice", format!("{head}.{}.{}", part(&payload), good.rsplit('.').next().unwrap()));
    for payload in ["[]", "5", "null", "\"x\"", "", "{", "{}x"] {
        add(&format!("claims {payload}"), ec.sign_as(json!({ "alg": "ES256", "kid": "ec" }), payload));
    }
    let mut large = claims(&world);
    large["filler"] = json!("x".repeat(8 * 1024));
    add("too large", ec.sign(&large));
    add("padding", format!("{good}="));
    add("blanks", good.replace('.', ". "));

    for (what, token) in cases {
        refused(&call(&world, &token).await, &what);
    }
    // A megabyte does not reach the handler on a socket; here it is refused all the same.
    refused(&call(&world, &"x".repeat(1 << 20)).await, "a megabyte");
    assert_eq!(call(&world, &good).await.status, 200, "nothing of it has harmed the good one");
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_for_an_unknown_one_but_not_too_often() {
    let (first, second) = (Signer::ec("k1"), Signer::ec("k2"));
    let server = KeyServer::start(vec![first.jwk()]).await;
    let world = server.world().await;
    let pass = |seconds: i64| world.pass(seconds * 1000);
    for _ in 0..3 {
        assert_eq!(call(&world, &first.sign(&claims(&world))).await.status, 200);
    }
    assert_eq!(server.asked(), 1, "keys are kept");
    // Rotation: the new key is fetched when a token names it.
    server.keys.lock().unwrap()["keys"] = json!([first.jwk(), second.jwk()]);
    refused(&call(&world, &second.sign(&claims(&world))).await, "too soon to ask again");
    assert_eq!(server.asked(), 1);
    pass(31);
    assert_eq!(call(&world, &second.sign(&claims(&world))).await.status, 200);
    assert_eq!(server.asked(), 2);
    // Tokens with invented ids do not make us ask, except now and then.
    for n in 0..50 {
        refused(&call(&world, &Signer::ec(&format!("x{n}")).sign(&claims(&world))).await, "unknown key");
    }
    assert_eq!(server.asked(), 2);
    pass(31);
    let guesses = (0..8).map(|n| Signer::ec(&format!("y{n}")).sign(&claims(&world))).collect::<Vec<_>>();
    for reply in futures::future::join_all(guesses.iter().map(|token| call(&world, token))).await {
        refused(&reply, "unknown key");
    }
    assert_eq!(server.asked(), 3, "one fetch for all of them");
    // A key that is taken away is gone with the next fetch.
    server.keys.lock().unwrap()["keys"] = json!([second.jwk()]);
    pass(601);
    refused(&call(&world, &first.sign(&claims(&world))).await, "its key is gone");
    assert_eq!(call(&world, &second.sign(&claims(&world))).await.status, 200);
    assert_eq!(server.asked(), 4);
}

#[tokio::test]
async fn a_key_server_that_fails_is_survived_for_a_while() {
    let signer = Signer::ec("k1");
    let server = KeyServer::start(vec![signer.jwk()]).await;
    let world = server.world().await;
    server.status.store(500, Ordering::SeqCst);
    let reply = call(&world, &signer.sign(&claims(&world))).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (503, "FLOW-1103-503"), "no keys yet: {}", reply.text);
    assert!(reply.headers.contains_key("retry-after") && !reply.text.contains("127.0.0.1"), "{}", reply.text);
    server.status.store(200, Ordering::SeqCst);
    world.pass(31_000);
    assert_eq!(call(&world, &signer.sign(&claims(&world))).await.status, 200);
    for broken in [json!({}), json!({ "keys": [] }), json!([]), json!({ "keys": "x".repeat(2 << 20) })] {
        *server.keys.lock().unwrap() = broken;
        world.pass(300_000);
        let asked = server.asked();
        assert!(call(&world, &Signer::ec("new").sign(&claims(&world))).await.status.as_u16() >= 401);
        assert_eq!(server.asked(), asked + 1);
        if server.asked() <= 5 {
            assert_eq!(call(&world, &signer.sign(&claims(&world))).await.status, 200, "the kept keys are still good");
        }
    }
    // After twice ten minutes nobody knows whether they still are.
    world.pass(600_000);
    assert_eq!(call(&world, &signer.sign(&claims(&world))).await.status, 503);
}

#[tokio::test]
async fn a_key_server_inside_needs_the_operators_word() {
    let signer = Signer::ec("k1");
    let server = KeyServer::start(vec![signer.jwk()]).await;
    let issuer = IssuerSettings {
        issuer: ISSUER.into(),
        audience: AUDIENCE.into(),
        jwks_url: server.url.parse().unwrap(),
        organization: ORG.into(),
        organization_claim: String::new(),
        user_claim: "sub".into(),
        client_claim: "azp".into(),
        roles_claim: "roles".into(),
    };
    let world = World::with(Choices { issuer: Some(issuer), ..Choices::default() }).await;
    assert_eq!(call(&world, &signer.sign(&claims(&world))).await.status, 503);
    assert_eq!(server.asked(), 0, "the gate lets nothing through");
}

#[tokio::test]
async fn weak_and_foreign_keys_of_a_set_are_passed_over() {
    let good = Signer::ec("good");
    let mut encrypting = Signer::ec("enc");
    encrypting.kid = "enc".into();
    let mut jwk = encrypting.jwk();
    jwk["use"] = json!("enc");
    let mut other_alg = Signer::ec("alg").jwk();
    other_alg["alg"] = json!("RS256");
    let small = json!({ "kty": "RSA", "kid": "small", "n": URL_SAFE_NO_PAD.encode([0xff; 128]), "e": "AQAB" });
    let unknown = json!({ "kty": "PQ", "kid": "pq" });
    let server = KeyServer::start(vec![jwk, other_alg, small, unknown, json!(5), good.jwk()]).await;
    let world = server.world().await;
    assert_eq!(call(&world, &good.sign(&claims(&world))).await.status, 200);
    refused(&call(&world, &encrypting.sign(&claims(&world))).await, "a key for encryption");
}
