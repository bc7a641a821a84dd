//! Datasets with a primary identity: one row a key, whatever files bring (FS §9.7, PL §3.4).

use super::*;

/// A flow into a dataset whose schema has `id` as its primary identity.
async fn upserting(world: &World, id: &str, cdc: bool) {
    world.flow(id, "base", json!({ "startTime": 0, "frequency": "minute", "interval": 15 })).await;
    let descriptor = json!({ "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": SCHEMA, "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/id", "xdm:namespace": "CRM", "xdm:property": "xdm:code", "xdm:isPrimary": true });
    world.put(Resource::Descriptor, "primary", descriptor).await;
    if cdc {
        let change = |document: &forebay_model::Document, secrets: &forebay_store::Secrets| {
            let mut body = document.body.clone();
            body["params"]["cdcEnabled"] = json!(true);
            Ok((body, secrets.clone()))
        };
        let id = format!("s-{id}");
        world.store.update(&scope(), Resource::SourceConnection, &id, None, now(), change).await.unwrap();
    }
}

impl World {
    fn put_text(&self, key: &str, text: &str) {
        self.source.folder().put(BUCKET, key, text.as_bytes(), now()).unwrap();
    }

    /// `id=n` of each row of a dataset, sorted.
    async fn rows_of(&self, dataset: &str) -> Vec<String> {
        let rows = self.lake().table(&layout::table("prod", dataset)).rows(1_000).await.unwrap();
        let mut rows: Vec<String> = rows.iter().map(|r| format!("{}={}", r["id"].as_str().unwrap(), r["n"])).collect();
        rows.sort();
        rows
    }
}

#[tokio::test]
async fn files_change_rows_instead_of_adding_them_and_an_older_file_changes_nothing() {
    let world = World::new().await;
    upserting(&world, "people", false).await;
    world.put_text("people/b.csv", "id,n\na,1\nb,1\na,2\n");
    world.start("w");
    let runs = world.settled("people").await;
    // The older of the two rows of `a` is left out.
    assert_eq!(counts(&runs[0]), (3, 2, 0, 1));
    assert_eq!(world.rows_of("people").await, ["a=2", "b=1"]);
    advance(900);
    world.put_text("people/c.csv", "id,n\nb,3\nc,3\n");
    let runs = world.settled("people").await;
    assert_eq!(counts(&runs[1]), (2, 2, 0, 0));
    assert_eq!(world.rows_of("people").await, ["a=2", "b=3", "c=3"]);
    // A file that shows up late with a time before that of `c.csv`.
    let late = now() - chrono::TimeDelta::seconds(60);
    world.source.folder().put(BUCKET, "people/late.csv", b"id,n\nb,9\nd,9\n", late).unwrap();
    advance(900);
    let runs = world.settled("people").await;
    assert_eq!(counts(&runs[2]), (2, 1, 0, 1));
    assert_eq!(world.rows_of("people").await, ["a=2", "b=3", "c=3", "d=9"]);
}

#[tokio::test]
async fn change_requests_delete_rows_and_what_is_neither_is_rejected_by_line() {
    let world = World::new().await;
    upserting(&world, "people", true).await;
    world.put_text("people/1.csv", "id,n,_change_request_type\na,1,u\nb,1,\nc,1,U\n,1,u\nd,1,x\n");
    world.start("w");
    let runs = world.settled("people").await;
    assert_eq!(counts(&runs[0]), (5, 3, 2, 0));
    let mut rejected = world.rejected(&runs[0]).await;
    rejected.sort();
    assert!(rejected.iter().any(|line| line.contains("the primary identity id is empty")), "{rejected:#?}");
    assert!(rejected.iter().any(|line| line.contains(r#"the change \"x\" is neither u (upsert) nor d (delete)"#)));
    advance(900);
    // A deletion needs nothing but its key; one of a key that is not there is left out.
    world.put_text("people/2.csv", "id,n,_change_request_type\na,,d\nb,not a number,d\nz,,d\nc,2,u\n");
    let runs = world.settled("people").await;
    assert_eq!(counts(&runs[1]), (4, 3, 0, 1));
    assert_eq!(world.rows_of("people").await, ["c=2"]);
}
