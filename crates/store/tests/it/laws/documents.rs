//! Documents: what goes in comes out, changes need the current etag, and nothing leaves its scope.

use super::*;
use forebay_model::Kind;
use forebay_model::filter::Query;
use forebay_store::{List, Secrets};
use std::collections::BTreeSet;

fn rename(name: &str) -> impl FnOnce(&Document, &Secrets) -> forebay_model::Result<(Value, Secrets)> + Send + use<> {
    let name = name.to_string();
    move |document, secrets| {
        let mut body = document.body.clone();
        body["name"] = name.into();
        Ok((body, secrets.clone()))
    }
}

#[tokio::test]
async fn a_document_is_read_back_with_its_stamps_also_after_a_restart() {
    let fixture = Fixture::new().await;
    let made = put(
        &fixture.store,
        &prod(),
        Resource::Connection,
        "c1",
        json!({ "name": "bucket", "id": "forged", "etag": "forged" }),
        at(0),
    )
    .await;
    assert_eq!(made.body["id"], "c1");
    assert_eq!(made.body["createdAt"], at(0).timestamp_millis());
    assert_eq!(made.body["etag"], made.etag.as_str());
    assert_eq!(made.body["version"], made.etag.as_str());
    let names: Vec<&String> = made.body.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["id", "createdAt", "updatedAt", "name", "version", "etag"]);
    let fixture = fixture.reopened().await;
    assert_eq!(fixture.store.get(&prod(), Resource::Connection, "c1").await.expect("it is there"), made);
}

#[tokio::test]
async fn an_etag_has_its_quotes_and_the_documented_shape() {
    let fixture = Fixture::new().await;
    let made = put(&fixture.store, &prod(), Resource::Connection, "c1", json!({}), at(0)).await;
    let groups: Vec<&str> =
        made.etag.strip_prefix('"').and_then(|e| e.strip_suffix('"')).expect("quotes (FS-ETAG-1)").split('-').collect();
    assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    assert_eq!(groups[1..4], ["0000", "0200", "0000"]);
}

#[tokio::test]
async fn an_unstamped_body_stays_as_it_is() {
    let fixture = Fixture::new().await;
    let body = json!({ "name": "people", "version": "1.0.0", "created": 5 });
    let made = fixture
        .store
        .insert(&prod(), New::new(Resource::Dataset, "d1", body.clone()).unstamped(), at(0))
        .await
        .expect("it is stored");
    assert_eq!(made.body, body);
    let changed =
        fixture.store.update(&prod(), Resource::Dataset, "d1", None, at(1), rename("p2")).await.expect("it changes");
    assert_eq!(changed.body, json!({ "name": "p2", "version": "1.0.0", "created": 5 }));
    assert_ne!(changed.etag, made.etag);
}

#[tokio::test]
async fn an_id_is_taken_once_in_its_scope() {
    let fixture = Fixture::new().await;
    put(&fixture.store, &prod(), Resource::Connection, "c1", json!({}), at(0)).await;
    let again = fixture.store.insert(&prod(), New::new(Resource::Connection, "c1", json!({})), at(1)).await;
    assert_eq!(again.expect_err("it exists").kind, Kind::Conflict);
    put(&fixture.store, &scope("dev"), Resource::Connection, "c1", json!({}), at(0)).await;
}

#[tokio::test]
async fn a_change_needs_the_current_etag_in_any_spelling() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut etags = BTreeSet::new();
    let mut current = put(store, &prod(), Resource::Connection, "c1", json!({ "name": "0" }), at(0)).await;
    etags.insert(current.etag.clone());
    // FS-ETAG-4: as given, unquoted, weak, blanks around, any; and a change in the same second has a new etag, too.
    let spellings: [fn(&str) -> String; 5] =
        [|e| e.into(), |e| e.trim_matches('"').into(), |e| format!("W/{e}"), |e| format!("  {e} "), |_| "*".into()];
    for (i, spell) in spellings.iter().enumerate() {
        let sent = spell(&current.etag);
        let stale = current.etag.clone();
        current = store
            .update(&prod(), Resource::Connection, "c1", Some(&sent), at(0), rename(&i.to_string()))
            .await
            .expect("it changes");
        assert!(etags.insert(current.etag.clone()), "{sent}: an etag came twice");
        let error = store
            .update(&prod(), Resource::Connection, "c1", Some(&stale), at(0), rename("x"))
            .await
            .expect_err("it is stale");
        assert_eq!((error.kind, error.code.id), (Kind::Stale, "FLOW-1404-412"));
        let text =
            format!("Supplied version=[{stale}] does not match the current version on entity=[{}]", current.etag);
        assert_eq!(error.message, text);
        assert_eq!(
            store.get(&prod(), Resource::Connection, "c1").await.expect("it is there"),
            current,
            "a refused change changed something"
        );
    }
}

#[tokio::test]
async fn a_change_that_fails_leaves_the_document_as_it_was() {
    let fixture = Fixture::new().await;
    let made = put(&fixture.store, &prod(), Resource::Connection, "c1", json!({}), at(0)).await;
    let refuse = |_: &Document, _: &Secrets| Err(forebay_model::Error::internal("no"));
    assert!(fixture.store.update(&prod(), Resource::Connection, "c1", None, at(1), refuse).await.is_err());
    assert_eq!(fixture.store.get(&prod(), Resource::Connection, "c1").await.expect("it is there"), made);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_writers_with_one_etag_exactly_one_wins() {
    let fixture = Fixture::new().await;
    let made = put(&fixture.store, &prod(), Resource::Connection, "c1", json!({ "name": "start" }), at(0)).await;
    let mut tasks = Vec::new();
    for i in 0..16 {
        let (store, etag) = (fixture.store.clone(), made.etag.clone());
        tasks.push(tokio::spawn(async move {
            store.update(&prod(), Resource::Connection, "c1", Some(&etag), at(1), rename(&format!("w{i}"))).await
        }));
    }
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.expect("no panic") {
            Ok(document) => winners.push(document),
            Err(error) => assert_eq!(error.kind, Kind::Stale, "{error}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(fixture.store.get(&prod(), Resource::Connection, "c1").await.expect("it is there"), winners[0]);
}

#[tokio::test]
async fn a_deleted_document_is_gone_and_a_stale_delete_is_refused() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let made = put(store, &prod(), Resource::Connection, "c1", json!({}), at(0)).await;
    let changed =
        store.update(&prod(), Resource::Connection, "c1", None, at(1), rename("n")).await.expect("it changes");
    let stale = store.delete(&prod(), Resource::Connection, "c1", Some(&made.etag), at(2)).await;
    assert_eq!(stale.expect_err("stale").kind, Kind::Stale);
    store.delete(&prod(), Resource::Connection, "c1", Some(&changed.etag), at(2)).await.expect("it goes");
    let error = store.get(&prod(), Resource::Connection, "c1").await.expect_err("it is gone");
    assert_eq!((error.kind, error.code.id), (Kind::NotFound, "FLOW-1439-404"));
    assert_eq!(
        error.message,
        "The requested connections resource c1 is not found. Verify the resource ID before trying again."
    );
    assert!(store.delete(&prod(), Resource::Connection, "c1", None, at(3)).await.is_err());
}

#[tokio::test]
async fn nothing_is_seen_or_changed_from_another_scope() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let secrets = Secrets::from([("/auth/params/p".to_string(), "s".into())]);
    let new = New::new(Resource::Connection, "c1", json!({ "name": "mine" })).secrets(secrets);
    let made = store.insert(&prod(), new, at(0)).await.expect("it is stored");
    let made_flow = flow(store, "f1", 15, at(0)).await;
    store.enqueue_due(at(0)).await.expect("it enqueues");
    let claim = store.claim("w", at(0), LEASE).await.expect("it claims").expect("a run");
    store.finish(&claim, failed_end(), at(1)).await.expect("it ends");
    let list = List { query: Query::default(), order: vec![], limit: 10, after: None };
    let strangers =
        [scope("dev"), Scope { org: "OTHER@AdobeOrg".into(), ..prod() }, Scope::organization("ACME@AdobeOrg")];
    for stranger in &strangers {
        for (resource, id) in
            [(Resource::Connection, "c1"), (Resource::Flow, "f1"), (Resource::Run, claim.run.id.as_str())]
        {
            let unseen = |error: forebay_model::Error| assert_eq!(error.kind, Kind::NotFound, "{error}");
            unseen(store.get(stranger, resource, id).await.expect_err("unseen"));
            unseen(store.secrets(stranger, resource, id).await.expect_err("unseen"));
            unseen(store.update(stranger, resource, id, Some("*"), at(1), rename("x")).await.expect_err("unseen"));
            unseen(store.delete(stranger, resource, id, None, at(1)).await.expect_err("unseen"));
            assert!(store.list(stranger, resource, &list).await.expect("it lists").documents.is_empty());
            assert_eq!(store.count(stranger, resource, &Query::default()).await.expect("it counts"), 0);
        }
        assert_eq!(
            store.retrigger(stranger, &claim.run.id, None, at(1)).await.expect_err("unseen").kind,
            Kind::NotFound
        );
        let run = forebay_store::Enqueue { due: at(1), params: Value::Null, by: json!({}) };
        assert_eq!(store.enqueue(stranger, "f1", run, at(1)).await.expect_err("unseen").code.id, "FLOW-1430-400");
        if !stranger.sandbox.is_empty() {
            store.reset(stranger).await.expect("it resets itself only");
        }
    }
    assert_eq!(store.get(&prod(), Resource::Connection, "c1").await.expect("it is there"), made);
    assert_eq!(store.get(&prod(), Resource::Flow, "f1").await.expect("it is there").etag, made_flow.etag);
}

fn failed_end() -> forebay_store::End {
    forebay_store::End {
        run: json!({}),
        state: forebay_model::run::Status::Failed,
        cursor: None,
        batch: Value::Null,
        plan: None,
    }
}

#[tokio::test]
async fn a_reset_empties_one_sandbox_and_notes_its_folders() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    flow(store, "f1", 15, at(0)).await;
    put(store, &scope("dev"), Resource::Connection, "c1", json!({}), at(0)).await;
    store.enqueue_due(at(0)).await.expect("it enqueues");
    let claim = store.claim("w", at(0), LEASE).await.expect("it claims").expect("a run");
    store.reset(&prod()).await.expect("it resets");
    assert!(store.get(&prod(), Resource::Flow, "f1").await.is_err());
    assert!(store.get(&scope("dev"), Resource::Connection, "c1").await.is_ok());
    assert_eq!(store.finish(&claim, failed_end(), at(1)).await.expect_err("it is gone").kind, Kind::Stale);
    assert_eq!(store.enqueue_due(at(9_999)).await.expect("it enqueues"), 0);
    let folders: Vec<String> =
        store.cleanups().await.expect("it lists").into_iter().map(|cleanup| cleanup.location).collect();
    assert_eq!(folders, ["batches/prod", "ledgers/prod", "raw/prod", "staging/prod", "tables/prod"]);
}

#[tokio::test]
async fn a_deleted_flow_leaves_what_it_landed_to_be_removed() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    flow(store, "f1", 15, at(0)).await;
    store.delete(&prod(), Resource::Flow, "f1", None, at(1)).await.expect("it goes");
    let folders: Vec<String> =
        store.cleanups().await.expect("it lists").into_iter().map(|cleanup| cleanup.location).collect();
    assert_eq!(folders, ["ledgers/prod/f1", "raw/prod/f1"]);
}

#[tokio::test]
async fn resealing_replaces_one_secret_and_leaves_the_etag() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let secret = |text: &str| secrecy::SecretString::from(text.to_string());
    let old = [("/auth/params/a".to_string(), secret("old")), ("/auth/params/b".to_string(), secret("kept"))];
    let new = New::new(Resource::Connection, "c1", json!({ "name": "c" })).secrets(old.into());
    let made = store.insert(&prod(), new, at(0)).await.expect("it inserts");
    let renewed = [("/auth/params/a".to_string(), secret("new"))].into();
    store.reseal(&prod(), Resource::Connection, "c1", &renewed).await.expect("it reseals");
    assert_eq!(store.get(&prod(), Resource::Connection, "c1").await.expect("it is there"), made);
    let secrets = store.secrets(&prod(), Resource::Connection, "c1").await.expect("they open");
    let shown = |name: &str| secrecy::ExposeSecret::expose_secret(&secrets[name]).to_string();
    assert_eq!((shown("/auth/params/a"), shown("/auth/params/b")), ("new".to_string(), "kept".to_string()));
}

#[tokio::test]
async fn of_two_who_replace_a_state_at_once_one_notices() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    assert_eq!(store.state("s").await.expect("it reads"), None);
    assert!(store.swap_state("s", None, &json!(1)).await.expect("it swaps"));
    assert!(!store.swap_state("s", None, &json!(2)).await.expect("it swaps"));
    let (value, version) = store.state("s").await.expect("it reads").expect("it is there");
    assert_eq!(value, json!(1));
    assert!(store.swap_state("s", Some(version), &json!({ "a": 3 })).await.expect("it swaps"));
    assert!(!store.swap_state("s", Some(version), &json!(4)).await.expect("it swaps"));
    assert_eq!(store.state("s").await.expect("it reads").expect("it is there").0, json!({ "a": 3 }));
}

#[tokio::test]
async fn a_deleted_dataset_becomes_a_cleanup() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    put(store, &prod(), Resource::Dataset, "d1", json!({}), at(0)).await;
    store.delete(&prod(), Resource::Dataset, "d1", None, at(1)).await.expect("it goes");
    store.add_cleanup("tables/prod/d1").await.expect("twice is once");
    let cleanups = store.cleanups().await.expect("it lists");
    assert_eq!(cleanups.iter().map(|cleanup| cleanup.location.as_str()).collect::<Vec<_>>(), ["tables/prod/d1"]);
    store.done_cleanup(&cleanups[0].id).await.expect("it is done");
    assert!(store.cleanups().await.expect("it lists").is_empty());
}

#[tokio::test]
async fn clients_and_sandboxes_are_found_from_outside() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (acme, other) = (Scope::organization("ACME@AdobeOrg"), Scope::organization("OTHER@AdobeOrg"));
    put(store, &acme, Resource::Client, "client-1", json!({ "name": "cli" }), at(0)).await;
    let (found, document) = store.client("client-1").await.expect("it looks").expect("it is there");
    assert_eq!((found, document.id.as_str()), (acme.clone(), "client-1"));
    assert!(store.client("client-2").await.expect("it looks").is_none());
    let taken = store.insert(&other, New::new(Resource::Client, "client-1", json!({})), at(0)).await;
    assert_eq!(taken.expect_err("a client id is taken everywhere").kind, Kind::Conflict);

    put(store, &acme, Resource::Sandbox, "5b0c", json!({ "name": "prod", "state": "active" }), at(0)).await;
    put(store, &acme, Resource::Sandbox, "5b0d", json!({ "name": "gone", "state": "deleted" }), at(0)).await;
    let expected = Scope { org: "ACME@AdobeOrg".into(), sandbox: "5b0c".into(), sandbox_name: "prod".into() };
    assert_eq!(store.sandbox("ACME@AdobeOrg", "prod").await.expect("it looks"), Some(expected));
    assert_eq!(store.sandbox("ACME@AdobeOrg", "gone").await.expect("it looks"), None);
    assert_eq!(store.sandbox("OTHER@AdobeOrg", "prod").await.expect("it looks"), None);
}

#[tokio::test]
async fn one_holder_has_a_lease_until_it_expires_or_is_given_up() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let lease = async |holder: &str, now: i64, ttl: u64| {
        store.lease("keeper", holder, at(now), Duration::from_secs(ttl)).await.expect("it answers")
    };
    assert!(lease("a", 0, 10).await);
    assert!(!lease("b", 9, 10).await);
    assert!(lease("a", 9, 10).await);
    assert!(!lease("b", 18, 10).await);
    assert!(lease("b", 19, 10).await);
    assert!(lease("b", 20, 0).await);
    assert!(lease("a", 20, 10).await);
}

#[tokio::test]
async fn text_that_a_database_may_not_take_is_answered_alike_by_all() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let strange = ["a\0b".to_string(), "\0".to_string(), "x".repeat(2_000), "ü".repeat(900)];
    for (i, text) in strange.iter().enumerate() {
        // In a document, any text is good.
        let body = json!({ "name": text, "flowId": text, "state": text, "other": text });
        let made = put(store, &prod(), Resource::Run, &format!("r{i}"), body, at(i as i64)).await;
        assert_eq!(store.get(&prod(), Resource::Run, &made.id).await.expect("it is there").body["name"], text.as_str());
        for path in ["name", "flowId", "other"] {
            let query = forebay_model::filter::parse(&[format!("{path}=={text}")]).expect("a query");
            let ask = forebay_store::List { query, order: vec![], limit: 5, after: None };
            let page = store.list(&prod(), Resource::Run, &ask).await.expect("it lists");
            assert_eq!(
                page.documents.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(),
                [format!("r{i}")],
                "{path}"
            );
        }
        // As an id it is nobody's, and nobody gets it.
        assert_eq!(store.get(&prod(), Resource::Run, text).await.expect_err("there is none").kind, Kind::NotFound);
        assert_eq!(
            store.delete(&prod(), Resource::Flow, text, None, at(0)).await.expect_err("there is none").kind,
            Kind::NotFound
        );
        let refused =
            store.insert(&prod(), New::new(Resource::Flow, text, json!({})), at(0)).await.expect_err("refused");
        assert_eq!(refused.kind, Kind::Invalid, "{refused}");
        assert!(store.client(text).await.expect("it looks").is_none());
        assert!(store.sandbox(text, "prod").await.expect("it looks").is_none());
        assert!(store.sandbox("o", text).await.expect("it looks").is_none());
        assert!(store.plan(&prod(), text).await.is_err_and(|error| error.kind == Kind::NotFound));
    }
    // Each half of the condition is read, and a page is in order over both.
    let query = forebay_model::filter::parse(&["name==a".to_string()]).expect("a query");
    let list = forebay_store::List { query, order: vec![], limit: 50, after: None };
    for i in 0..6 {
        put(
            store,
            &prod(),
            Resource::Flow,
            &format!("f{i}"),
            json!({ "name": if i % 2 == 0 { json!("a") } else { json!(["a"]) } }),
            at(i),
        )
        .await;
    }
    let page = store.list(&prod(), Resource::Flow, &list).await.expect("it lists");
    let expected: Vec<_> =
        page.documents.iter().filter(|found| list.query.matches(&found.body)).map(|found| &found.id).collect();
    assert_eq!(page.documents.iter().map(|found| &found.id).collect::<Vec<_>>(), expected);
    assert!(page.documents.is_sorted_by_key(|found| std::cmp::Reverse(found.created)) && page.documents.len() >= 3);
}
