//! Secrets: they come back to those who may open them, and are nowhere in clear.

use super::*;
use crate::database::tool;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use forebay_store::Secrets;
use secrecy::ExposeSecret;
use sqlx::{AnyPool, Row};

const POINTER: &str = "/auth/params/s3SecretKey";

fn sealed(secret: &str) -> Secrets {
    Secrets::from([(POINTER.to_string(), secret.into())])
}

async fn connection(store: &Store, scope: &Scope, id: &str, secret: &str) {
    let body = json!({ "name": id, "auth": { "params": { "s3SecretKey": "********" } } });
    store
        .insert(scope, New::new(Resource::Connection, id, body).secrets(sealed(secret)), at(0))
        .await
        .expect("it is stored");
}

async fn opened(store: &Store, scope: &Scope, id: &str) -> forebay_model::Result<String> {
    Ok(store.secrets(scope, Resource::Connection, id).await?[POINTER].expose_secret().to_string())
}

#[tokio::test]
async fn a_secret_comes_back_after_a_restart_and_is_not_in_the_document() {
    let fixture = Fixture::new().await;
    connection(&fixture.store, &prod(), "c1", "canary-Nq3vT8zR1xKw7mLp").await;
    let fixture = fixture.reopened().await;
    assert_eq!(opened(&fixture.store, &prod(), "c1").await.expect("it opens"), "canary-Nq3vT8zR1xKw7mLp");
    let document = fixture.store.get(&prod(), Resource::Connection, "c1").await.expect("it is there");
    assert!(!format!("{document:?}").contains("canary"));
    put(&fixture.store, &prod(), Resource::Connection, "c2", json!({}), at(0)).await;
    assert!(fixture.store.secrets(&prod(), Resource::Connection, "c2").await.expect("it looks").is_empty());
}

#[tokio::test]
async fn a_change_keeps_replaces_or_drops_secrets_as_it_says() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    connection(store, &prod(), "c1", "one").await;
    let keep = |document: &Document, secrets: &Secrets| Ok((document.body.clone(), secrets.clone()));
    store.update(&prod(), Resource::Connection, "c1", None, at(1), keep).await.expect("it changes");
    assert_eq!(opened(store, &prod(), "c1").await.expect("it opens"), "one");
    let replace = |document: &Document, _: &Secrets| Ok((document.body.clone(), sealed("two")));
    store.update(&prod(), Resource::Connection, "c1", None, at(2), replace).await.expect("it changes");
    assert_eq!(opened(store, &prod(), "c1").await.expect("it opens"), "two");
    let drop = |document: &Document, _: &Secrets| Ok((document.body.clone(), Secrets::new()));
    store.update(&prod(), Resource::Connection, "c1", None, at(3), drop).await.expect("it changes");
    assert!(store.secrets(&prod(), Resource::Connection, "c1").await.expect("it looks").is_empty());
}

#[tokio::test]
async fn no_file_of_the_database_has_a_secret_in_any_encoding() {
    let fixture = Fixture::new().await;
    let mut canaries = Vec::new();
    for i in 0..40 {
        let canary = format!("canary{i:02}Zk7Qm2Xw9Rb4Tn6V");
        connection(&fixture.store, &prod(), &format!("c{i}"), &canary).await;
        let again = format!("again{i:02}Yp5Lc8Hd3Gs1Jf0W");
        let replace = |document: &Document, _: &Secrets| Ok((document.body.clone(), sealed(&again)));
        fixture
            .store
            .update(&prod(), Resource::Connection, &format!("c{i}"), None, at(1), replace)
            .await
            .expect("it changes");
        canaries.extend([canary, again]);
    }
    let files: Vec<Vec<u8>> = if fixture.database.is_served() {
        let url = fixture.database.url();
        // A dump has bytes in hex; here they are as they lie.
        let sealed = "SELECT encode(sealed, 'escape') FROM documents";
        vec![tool("pg_dump", &[&url]).into_bytes(), tool("psql", &["-At", "-c", sealed, &url]).into_bytes()]
    } else {
        let entries = std::fs::read_dir(fixture.database.path("")).expect("it lists");
        entries.map(|entry| std::fs::read(entry.expect("an entry").path()).expect("it reads")).collect()
    };
    assert!(files.len() >= 2, "the database and its log");
    let has = |needle: &[u8]| files.iter().any(|file| memchr::memmem::find(file, needle).is_some());
    assert!(has(b"s3SecretKey"), "the search finds what is there");
    for canary in &canaries {
        let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
        let wide: Vec<u8> = canary.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let backwards: String = canary.chars().rev().collect();
        let mut needles = vec![
            canary.clone().into_bytes(),
            hex.to_uppercase().into_bytes(),
            hex.into_bytes(),
            wide,
            backwards.into_bytes(),
        ];
        needles.push(canary.as_bytes()[5..15].to_vec());
        for offset in 0..3 {
            // Base64 at each of the three places it can start; the ends depend on what is beside them.
            let text = format!("{}{canary}", "x".repeat(offset));
            for engine in [STANDARD, URL_SAFE] {
                needles.push(engine.encode(&text).as_bytes()[4..28].to_vec());
            }
        }
        for needle in needles {
            assert!(!has(&needle), "{} is in a file", String::from_utf8_lossy(&needle));
        }
    }
}

#[tokio::test]
async fn a_sealed_column_opens_in_its_own_row_only() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    connection(store, &prod(), "a", "secret-a").await;
    connection(store, &prod(), "b", "secret-b").await;
    connection(store, &scope("dev"), "a", "secret-dev").await;
    let raw = AnyPool::connect(&fixture.database.url()).await.expect("it connects");
    let row = sqlx::query("SELECT sealed FROM documents WHERE sandbox = 'prod' AND id = 'a'")
        .fetch_one(&raw)
        .await
        .expect("a row");
    let sealed: Vec<u8> = row.get(0);
    for (sandbox, id) in [("prod", "b"), ("dev", "a")] {
        let query = sqlx::query("UPDATE documents SET sealed = $1 WHERE sandbox = $2 AND id = $3").bind(sealed.clone());
        query.bind(sandbox).bind(id).execute(&raw).await.expect("it is copied");
        let error = opened(store, &scope(sandbox), id).await.expect_err("it must not open");
        assert!(!format!("{error:?}").contains("secret-"), "{error:?}");
    }
    assert_eq!(opened(store, &prod(), "a").await.expect("the original opens"), "secret-a");
    let mut flipped = sealed;
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    sqlx::query("UPDATE documents SET sealed = $1 WHERE sandbox = 'prod' AND id = 'a'")
        .bind(flipped)
        .execute(&raw)
        .await
        .expect("it is written");
    assert!(opened(store, &prod(), "a").await.is_err());
}
