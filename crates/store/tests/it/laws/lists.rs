//! Lists: every document once, in order, while others are being stored; and pushing filters down changes nothing.

use super::*;
use forebay_model::Kind;
use forebay_model::filter::{self, Query};
use forebay_store::{List, Page};
use proptest::prelude::*;

fn list(properties: &[&str], order: &str, limit: usize, after: Option<String>) -> List {
    let properties: Vec<String> = properties.iter().map(|text| text.to_string()).collect();
    let order = if order.is_empty() {
        vec![]
    } else {
        filter::parse_order(order).expect("an order")
    };
    List {
        query: filter::parse(&properties).expect("a query"),
        order,
        limit,
        after,
    }
}

/// All pages, following the tokens with nothing else repeated, as a client does that follows the links.
async fn all(store: &Store, resource: Resource, first: List) -> Vec<Document> {
    let mut documents = Vec::new();
    let mut next = Some(first);
    while let Some(ask) = next.take() {
        let Page {
            documents: page,
            next: token,
            ..
        } = store.list(&prod(), resource, &ask).await.expect("it lists");
        assert!(page.len() <= ask.limit || ask.after.is_some());
        documents.extend(page);
        next = token.map(|token| List {
            query: Query::default(),
            order: vec![],
            limit: 1000,
            after: Some(token),
        });
    }
    documents
}

fn ids(documents: &[Document]) -> Vec<&str> {
    documents
        .iter()
        .map(|document| document.id.as_str())
        .collect()
}

#[tokio::test]
async fn newest_come_first_and_ties_are_broken_by_id() {
    let fixture = Fixture::new().await;
    for (id, second) in [("b", 1), ("a", 1), ("c", 1), ("d", 0), ("e", 2)] {
        put(
            &fixture.store,
            &prod(),
            Resource::Flow,
            id,
            json!({}),
            at(second),
        )
        .await;
    }
    for limit in 1..7 {
        let found = all(&fixture.store, Resource::Flow, list(&[], "", limit, None)).await;
        assert_eq!(ids(&found), ["e", "c", "b", "a", "d"], "limit {limit}");
        let found = all(
            &fixture.store,
            Resource::Flow,
            list(&[], "-createdAt", limit, None),
        )
        .await;
        assert_eq!(ids(&found), ["e", "c", "b", "a", "d"], "limit {limit}");
        let found = all(
            &fixture.store,
            Resource::Flow,
            list(&[], "createdAt", limit, None),
        )
        .await;
        assert_eq!(ids(&found), ["d", "c", "b", "a", "e"], "limit {limit}");
    }
}

#[tokio::test]
async fn the_last_page_has_no_token_and_a_token_is_plain() {
    let fixture = Fixture::new().await;
    for i in 0..4 {
        put(
            &fixture.store,
            &prod(),
            Resource::Flow,
            &format!("f{i}"),
            json!({}),
            at(i),
        )
        .await;
    }
    let page = fixture
        .store
        .list(&prod(), Resource::Flow, &list(&[], "", 4, None))
        .await
        .expect("it lists");
    assert_eq!((page.documents.len(), page.next), (4, None));
    let page = fixture
        .store
        .list(&prod(), Resource::Flow, &list(&[], "", 3, None))
        .await
        .expect("it lists");
    let token = page.next.expect("there is more");
    assert!(
        token
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'),
        "FS-ENV-3: {token}"
    );
}

#[tokio::test]
async fn documents_stored_meanwhile_disturb_no_page() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for i in 0..50 {
        put(
            store,
            &prod(),
            Resource::Flow,
            &format!("old{i:02}"),
            json!({}),
            at(i / 5),
        )
        .await;
    }
    let mut seen = Vec::new();
    let mut after = None;
    for round in 0.. {
        let page = store
            .list(&prod(), Resource::Flow, &list(&[], "", 7, after))
            .await
            .expect("it lists");
        seen.extend(ids(&page.documents).into_iter().map(String::from));
        put(
            store,
            &prod(),
            Resource::Flow,
            &format!("new{round}"),
            json!({}),
            at(100 + round),
        )
        .await;
        let _ = store
            .delete(
                &prod(),
                Resource::Flow,
                seen.last().expect("a page is not empty"),
                None,
                at(200),
            )
            .await;
        match page.next {
            Some(token) => after = Some(token),
            None => break,
        }
    }
    let mut expected: Vec<String> = (0..50).map(|i| format!("old{i:02}")).collect();
    expected.sort_by_key(|id| {
        std::cmp::Reverse((id[3..].parse::<i64>().expect("digits") / 5, id.clone()))
    });
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_token_carries_the_question_and_stays_valid_with_it() {
    let fixture = Fixture::new().await;
    for i in 0..6 {
        let body = json!({ "name": format!("n{}", i % 3), "state": if i == 5 { "draft" } else { "enabled" } });
        put(
            &fixture.store,
            &prod(),
            Resource::Flow,
            &format!("f{i}"),
            body,
            at(i),
        )
        .await;
    }
    let first = list(&["state==Enabled", "name"], "name", 2, None);
    let expected = ["f3", "f0", "f4", "f1", "f2"];
    assert_eq!(
        ids(&all(&fixture.store, Resource::Flow, first.clone()).await),
        expected
    );
    // And when a client repeats its parameters beside the token (FS-ENV-3).
    let mut found = Vec::new();
    let mut ask = first.clone();
    loop {
        let page = fixture
            .store
            .list(&prod(), Resource::Flow, &ask)
            .await
            .expect("it lists");
        assert_eq!(page.query, first.query);
        found.extend(page.documents);
        match page.next {
            Some(token) => {
                ask = List {
                    after: Some(token),
                    ..first.clone()
                }
            }
            None => break,
        }
    }
    assert_eq!(ids(&found), expected);
}

#[tokio::test]
async fn a_changed_or_foreign_token_is_refused() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for scope in [prod(), scope("dev")] {
        for i in 0..3 {
            put(
                store,
                &scope,
                Resource::Flow,
                &format!("f{i}"),
                json!({}),
                at(i),
            )
            .await;
        }
    }
    let token = store
        .list(&prod(), Resource::Flow, &list(&[], "", 1, None))
        .await
        .expect("it lists")
        .next
        .expect("there is more");
    assert!(
        store
            .list(
                &prod(),
                Resource::Flow,
                &list(&[], "", 1, Some(token.clone()))
            )
            .await
            .is_ok()
    );
    let refused = async |scope: &Scope, resource, token: String| {
        let error = store
            .list(scope, resource, &list(&[], "", 1, Some(token)))
            .await
            .expect_err("refused");
        assert_eq!(
            (error.kind, error.code.id),
            (Kind::Invalid, "FLOW-1451-400")
        );
    };
    refused(&scope("dev"), Resource::Flow, token.clone()).await;
    refused(
        &Scope {
            org: "OTHER@AdobeOrg".into(),
            ..prod()
        },
        Resource::Flow,
        token.clone(),
    )
    .await;
    refused(&prod(), Resource::Connection, token.clone()).await;
    for bad in ["", "x", "====", "eyJvIjoxMDB9"] {
        refused(&prod(), Resource::Flow, bad.to_string()).await;
    }
    for i in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[i] = if changed[i] == b'A' { b'B' } else { b'A' };
        refused(
            &prod(),
            Resource::Flow,
            String::from_utf8(changed).expect("ASCII"),
        )
        .await;
    }
    refused(
        &prod(),
        Resource::Flow,
        token[..token.len() - 4].to_string(),
    )
    .await;
}

/// Bodies in which every pushed-down member is absent, text of several spellings, or not text at all.
fn body() -> impl Strategy<Value = Value> {
    let member = || {
        prop_oneof![
            Just(None),
            prop::sample::select(vec!["a", "A", "b", "1", "1.0", "enabled", "Enabled"])
                .prop_map(|text| Some(json!(text))),
            Just(Some(json!(1))),
            Just(Some(json!(true))),
            Just(Some(json!(null))),
            Just(Some(json!(["a", "b"]))),
        ]
    };
    (member(), member(), member(), member()).prop_map(|(name, state, parent, other)| {
        let mut body = serde_json::Map::new();
        for (key, value) in [
            ("name", name),
            ("state", state),
            ("flowId", parent),
            ("other", other),
        ] {
            if let Some(value) = value {
                body.insert(key.into(), value);
            }
        }
        Value::Object(body)
    })
}

fn term() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec![
        "name",
        "state",
        "flowId",
        "other",
        "id",
        "name[]",
        "createdAt",
    ]);
    let op = prop::sample::select(vec!["==", "!=", "="]);
    let value = prop::sample::select(vec![
        "a",
        "A",
        "b",
        "1",
        "1.0",
        "true",
        "enabled",
        "ENABLED",
        "r1",
        "a,b",
        "enabled,1",
    ]);
    (path, op, value).prop_filter_map("createdAt takes a number", |(path, op, value)| {
        if path == "createdAt" {
            Some(format!("createdAt{op}1750000001000"))
        } else {
            Some(format!("{path}{op}{value}"))
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn pushing_down_changes_no_answer(
        bodies in prop::collection::vec(body(), 1..12),
        queries in prop::collection::vec(prop::collection::vec(term(), 0..3), 8),
        stamped in any::<bool>(),
        limit in 1usize..5,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let fixture = Fixture::new().await;
            for (i, body) in bodies.iter().enumerate() {
                let mut new = New::new(Resource::Run, format!("r{i}"), body.clone());
                new.stamp = stamped;
                fixture.store.insert(&prod(), new, at(i as i64 / 2)).await.expect("it is stored");
            }
            let everything = all(&fixture.store, Resource::Run, list(&[], "", 100, None)).await;
            assert_eq!(everything.len(), bodies.len());
            for terms in queries {
                let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
                let query = list(&terms, "", limit, None).query;
                let expected: Vec<Document> = everything.iter().filter(|document| query.matches(&document.body)).cloned().collect();
                assert_eq!(ids(&all(&fixture.store, Resource::Run, list(&terms, "", limit, None)).await), ids(&expected), "{terms:?}");
                assert_eq!(fixture.store.count(&prod(), Resource::Run, &query).await.expect("it counts"), expected.len() as u64);
                let order = "name,-state";
                let mut sorted = expected;
                sorted.sort_by(|a, b| filter::compare(&filter::parse_order(order).expect("an order"), &a.body, &b.body));
                assert_eq!(ids(&all(&fixture.store, Resource::Run, list(&terms, order, limit, None)).await), ids(&sorted), "{terms:?} {order}");
            }
        });
    }
}
