//! Full and incremental loads (hubspot.md §7, §13).

use super::{CONTACTS, Flow, NEVER, config, here, wide};
use forebay_playground::hubspot::{Mutation, Switches, When, Which};
use std::time::Duration;

fn edits(every: &str, n: u64, each: usize) -> (When, Mutation) {
    let object = Some("contacts".to_string());
    let when = When::Every { call: every.into(), object, n };
    (when, Mutation::Edit { object: "contacts".into(), which: Which::Random(each) })
}

/// §13.1, §8: the table is the truth, and the account was asked no more than it takes.
#[tokio::test]
async fn a_first_load_is_the_truth() {
    let here = here(config(1_234)).await;
    let mut flow = Flow::of(CONTACTS);
    let brought = flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
    // What was archived or merged away before is not told.
    assert!(!here.sim().merges("contacts").is_empty());
    assert_eq!((brought.upserts, brought.deletes), (1_234, 0));
    assert_eq!(here.calls("list contacts"), 13 + 1, "{:?}", here.sim().summary().calls);
}

/// §13.1: of two runs with nothing changed the second brings nothing, and reads little.
#[tokio::test]
async fn nothing_changed_means_no_row() {
    let here = here(config(1_234)).await;
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    here.sim().advance(Duration::from_secs(3600));
    for _ in 0..2 {
        here.sim().forget_requests();
        let brought = flow.run(&here.remote()).await;
        assert_eq!((brought.upserts, brought.deletes, brought.pages), (0, 0, 1), "{brought:?}");
        assert!(here.sim().summary().requests < 10, "{:?}", here.sim().summary().calls);
    }
    flow.rows.incremental = false;
    let brought = flow.run(&here.remote()).await;
    assert_eq!((brought.upserts, brought.deletes, brought.known), (0, 0, 1_234), "{brought:?}");
}

/// §7.1, §7.4: what is edited while it is read is neither lost nor doubled; 2 and 10 edits a page are far more than a
/// busy office makes.
#[tokio::test]
async fn edits_during_a_load_are_not_lost() {
    for each in [2, 10] {
        let here = here(config(3_000)).await;
        let mut flow = Flow::of(CONTACTS);
        for call in ["list", "search", "batch_read"] {
            let (when, mutation) = edits(call, 1, each);
            here.sim().script(when, mutation);
        }
        let remote = here.remote();
        flow.run(&remote).await;
        here.sim().edit_random("contacts", 900);
        flow.run(&remote).await;
        flow.run(&remote).await;
        here.sim().clear_scripts();
        flow.run(&remote).await;
        flow.check(here.sim(), "contacts");
        let last = flow.run(&remote).await;
        assert_eq!((last.upserts, last.deletes), (0, 0));
    }
}

/// §7.4, §8: an incremental run asks ⌈M/200⌉ searches and ⌈M/100⌉ batches.
#[tokio::test]
async fn an_incremental_run_reads_what_was_changed() {
    let here = here(config(3_000)).await;
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    here.sim().advance(Duration::from_secs(7200));
    flow.run(&here.remote()).await;
    let edited = here.sim().edit_random("contacts", 450);
    here.sim().create("contacts", 50);
    here.sim().forget_requests();
    let brought = flow.run(&here.remote()).await;
    assert_eq!(brought.upserts, edited.len() + 50);
    assert_eq!((here.calls("search contacts"), here.calls("batch_read contacts")), (3, 5));
    flow.check(here.sim(), "contacts");
}

/// §3.3 of the simulator's plan, O: airbyte#43317: one stamp for more records than a search ever shows.
#[tokio::test]
async fn many_records_of_one_millisecond_are_all_read() {
    let mut account = config(25_000);
    account.switches = Switches { archived_percent: 0, ..Switches::default() };
    let here = here(account).await;
    let mut flow = Flow::of(CONTACTS);
    flow.rows.columns = vec!["properties.email".into()];
    flow.run(&here.remote()).await;
    here.sim().advance(Duration::from_secs(7200));
    let ids = here.sim().ids("contacts");
    here.sim().bulk_edit("contacts", &ids);
    here.sim().forget_requests();
    let brought = flow.run(&here.remote()).await;
    assert_eq!(brought.upserts, 25_000);
    assert_eq!(here.calls("search contacts"), 125);
}

/// §7.5: archived and merged records end; the ones that they became are there.
#[tokio::test]
async fn deletes_and_merges_arrive_even_during_the_load() {
    let here = here(config(2_000)).await;
    let contacts = || "contacts".to_string();
    let mut flow = Flow::of(CONTACTS);
    for call in ["list", "search", "batch_read"] {
        let when = || When::Every { call: call.into(), object: Some(contacts()), n: 2 };
        here.sim().script(when(), Mutation::Archive { object: contacts(), which: Which::Random(1) });
        here.sim().script(when(), Mutation::Merge { object: contacts(), which: Which::Random(2) });
        here.sim().script(when(), Mutation::Merge { object: contacts(), which: Which::Returned });
        here.sim().script(when(), Mutation::Edit { object: contacts(), which: Which::Random(3) });
    }
    let remote = here.remote();
    for _ in 0..3 {
        flow.run(&remote).await;
        here.sim().edit_random("contacts", 300);
    }
    here.sim().clear_scripts();
    flow.run(&remote).await;
    flow.check(here.sim(), "contacts");
    let merges = here.sim().merges("contacts");
    assert!(merges.len() > 20 && !flow.deleted.is_empty(), "{}", merges.len());
    for (old, _) in merges {
        // An end is told of what was given.
        let (id, seen) = (old.to_string(), flow.ledger.get(&old.to_string()));
        assert!(!flow.lake.contains_key(&id) && seen.is_none_or(|seen| seen.deleted), "{id} was merged away");
    }
    for id in here.sim().archived_ids("contacts") {
        let seen = flow.ledger.get(&id.to_string());
        assert!(seen.is_none_or(|seen| seen.deleted), "{id} was archived");
    }
    let last = flow.run(&remote).await;
    assert_eq!((last.upserts, last.deletes), (0, 0));
}

/// §7.5: a merge names the record that lives on.
#[tokio::test]
async fn a_merge_says_into_what() {
    let here = here(config(300)).await;
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    let ids = here.sim().ids("contacts");
    let (old, other) = (ids[ids.len() - 3], ids[ids.len() - 4]);
    let into = here.sim().merge("contacts", old, other).unwrap().to_string();
    flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
    for id in [old, other].map(|id| id.to_string()).iter().filter(|id| **id != into) {
        assert_eq!(flow.deleted[id].1.as_ref(), Some(&into));
    }
}

/// §13.3: from the cursor of every page a run goes on to the same table, and nothing comes twice.
#[tokio::test]
async fn a_run_resumes_from_the_cursor_of_every_page() {
    let here = here(config(700)).await;
    let mut first = Flow::of(CONTACTS);
    first.run(&here.remote()).await;
    here.sim().advance(Duration::from_secs(7200));
    first.run(&here.remote()).await;
    here.sim().edit_random("contacts", 350);
    let ids = here.sim().ids("contacts");
    here.sim().archive("contacts", &ids[10..30]);
    let fresh = Flow::of(CONTACTS);
    let mut sweep = first.clone();
    sweep.rows.sweep = 1;
    for start in [fresh, first, sweep] {
        let mut whole = start.clone();
        let all = whole.run(&here.remote()).await;
        whole.check(here.sim(), "contacts");
        for most in 1..=all.pages {
            let mut cut = start.clone();
            let begun = cut.try_run(&here.remote(), most).await.unwrap();
            let rest = cut.run(&here.remote()).await;
            cut.check(here.sim(), "contacts");
            assert_eq!(begun.upserts + rest.upserts, all.upserts, "after {most} of {} pages", all.pages);
            assert_eq!(begun.deletes + rest.deletes, all.deletes, "after {most} of {} pages", all.pages);
        }
    }
}

/// §7.6: purged records are in neither list; a comparison of the whole table finds them.
#[tokio::test]
async fn a_sweep_finds_what_was_purged_and_recalculated() {
    let here = here(config(1_000)).await;
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    here.sim().advance(Duration::from_secs(7200));
    let ids = here.sim().ids("contacts");
    here.sim().purge("contacts", &ids[100..110]);
    here.sim().recalculate("contacts", &ids[200..220]);
    let unseen = flow.run(&here.remote()).await;
    assert_eq!((unseen.upserts, unseen.deletes), (0, 0), "nothing tells of it");
    flow.rows.sweep = 3_600_000;
    let swept = flow.run(&here.remote()).await;
    assert_eq!(swept.deletes, 10);
    assert!(swept.upserts > 0 && swept.upserts <= 20, "{swept:?}");
    flow.check(here.sim(), "contacts");
    here.sim().forget_requests();
    let again = flow.run(&here.remote()).await;
    assert_eq!((again.upserts, again.deletes, again.known), (0, 0, 0));
    assert_eq!(here.calls("list contacts"), 1, "the next sweep is not due yet: only the archive is listed");
}

/// §7.5: a restored record comes back, newer than its end.
#[tokio::test]
async fn a_restored_record_lives_again() {
    let here = here(config(500)).await;
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    let ids = here.sim().ids("contacts")[40..50].to_vec();
    here.sim().archive("contacts", &ids);
    let emails: Vec<_> = ids.iter().map(|id| flow.lake[&id.to_string()].1["properties"]["email"].clone()).collect();
    let brought = flow.run(&here.remote()).await;
    assert_eq!(brought.deletes, 10);
    // The end of a record holds the whole of it: a table may go by another key than the id.
    let told = flow.ends.iter().map(|line| line["properties"]["email"].clone()).collect::<Vec<_>>();
    assert!(emails.iter().all(|email| told.contains(email)), "{emails:?} {told:?}");
    here.sim().advance(Duration::from_secs(7200));
    here.sim().restore("contacts", &ids);
    flow.rows.sweep = 1;
    flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
    flow.rows.sweep = NEVER;
    let last = flow.run(&here.remote()).await;
    assert_eq!((last.upserts, last.deletes), (0, 0));
}

/// §7.7: a property that comes up later is read for every record.
#[tokio::test]
async fn a_new_property_is_read_for_all_records() {
    let here = here(config(400)).await;
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    here.sim().advance(Duration::from_secs(7200));
    here.sim().add_property("contacts", "brand_new", "string");
    let brought = flow.run(&here.remote()).await;
    assert!(brought.upserts > 300, "{brought:?}");
    flow.check(here.sim(), "contacts");
    here.sim().archive_property("contacts", "brand_new");
    flow.run(&here.remote()).await;
    let last = flow.run(&here.remote()).await;
    assert_eq!((last.upserts, last.deletes), (0, 0));
}

/// §4 (index lag): what the index shows late is in a later run.
#[tokio::test]
async fn a_lagging_index_hides_nothing_for_good() {
    let mut account = config(1_000);
    account.switches.lag = forebay_playground::hubspot::Lag::Fixed(120_000);
    let here = here(account).await;
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    here.sim().advance(Duration::from_secs(7200));
    flow.run(&here.remote()).await;
    here.sim().edit_random("contacts", 200);
    let early = flow.run(&here.remote()).await;
    assert_eq!(early.upserts, 0);
    here.sim().advance(Duration::from_secs(121));
    let late = flow.run(&here.remote()).await;
    assert_eq!(late.upserts, 200);
    flow.check(here.sim(), "contacts");
}

/// §9, §7.3: names that fit no URL are asked for in batches, two requests for a hundred records.
#[tokio::test]
async fn properties_that_fit_no_url_are_read_in_batches() {
    let mut account = wide(950, 700);
    account.switches.url_bytes = 8_000;
    let here = here(account).await;
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
    assert_eq!((here.calls("list contacts"), here.calls("batch_read contacts")), (10 + 1, 10));
    assert!(!here.sim().summary().statuses.contains_key(&414));
}

/// §9: where HubSpot's limit is lower than ours, the cap is halved and the walk goes on.
#[tokio::test]
async fn a_url_that_is_too_long_after_all_is_given_up() {
    let mut account = wide(450, 300);
    account.switches.url_bytes = 2_000;
    let here = here(account).await;
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
    assert_eq!(here.calls("batch_read contacts"), 5);
    assert!(here.sim().summary().statuses[&414] <= 3);
}

/// §5: what holds of contacts holds of everything else, under another date property and an id of its own.
#[tokio::test]
async fn other_kinds_are_read_as_contacts_are() {
    let here = here(config(50)).await;
    for (table, object) in [
        ("Hubspot.Companies", "companies"),
        ("Hubspot.All_Deals", "deals"),
        ("Hubspot.Tickets", "tickets"),
        ("Hubspot.Notes", "notes"),
    ] {
        let mut flow = Flow::of(table);
        let brought = flow.run(&here.remote()).await;
        assert!(brought.upserts > 0, "{table}");
        flow.check(here.sim(), object);
        here.sim().edit_random(object, 7);
        let brought = flow.run(&here.remote()).await;
        assert_eq!(brought.upserts, 7, "{table}");
        flow.check(here.sim(), object);
    }
}

/// §7.5, §7.6: sweeps under edits, merges and deletes end in the truth as well.
#[tokio::test]
async fn sweeps_of_a_moving_table_are_the_truth() {
    let here = here(config(1_500)).await;
    let contacts = || "contacts".to_string();
    let mut flow = Flow::of(CONTACTS);
    flow.rows.sweep = 1;
    flow.run(&here.remote()).await;
    for call in ["list", "batch_read"] {
        let when = || When::Every { call: call.into(), object: Some(contacts()), n: 1 };
        here.sim().script(when(), Mutation::Merge { object: contacts(), which: Which::Returned });
        here.sim().script(when(), Mutation::Archive { object: contacts(), which: Which::Random(1) });
        here.sim().script(when(), Mutation::Purge { object: contacts(), which: Which::Random(1) });
        here.sim().script(when(), Mutation::Edit { object: contacts(), which: Which::Random(3) });
        here.sim().script(when(), Mutation::Create { object: contacts(), n: 1 });
    }
    for _ in 0..3 {
        here.sim().advance(Duration::from_secs(60));
        flow.run(&here.remote()).await;
    }
    here.sim().clear_scripts();
    here.sim().advance(Duration::from_secs(60));
    flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
    here.sim().advance(Duration::from_secs(60));
    let last = flow.run(&here.remote()).await;
    assert_eq!((last.upserts, last.deletes), (0, 0));
}

/// §7.7, §10.3: properties that come, go and change their names in the middle of a load.
#[tokio::test]
async fn a_schema_that_drifts_during_the_load_does_no_harm() {
    let here = here(config(900)).await;
    let contacts = || "contacts".to_string();
    here.sim().add_property("contacts", "old_one", "string");
    here.sim().add_property("contacts", "old_two", "number");
    let after = |n| When::After { call: "list".into(), object: Some(contacts()), n };
    here.sim().script(after(2), Mutation::ArchiveProperty { object: contacts(), name: "old_one".into() });
    here.sim()
        .script(after(4), Mutation::RenameProperty { object: contacts(), from: "old_two".into(), to: "newer".into() });
    here.sim()
        .script(after(6), Mutation::AddProperty { object: contacts(), name: "added".into(), kind: "date".into() });
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
    assert_eq!(flow.run(&here.remote()).await.upserts, 0);
}

/// §8: columns that were chosen are all that is asked for, and a change of the choice reads everything once more.
#[tokio::test]
async fn chosen_columns_are_read_and_a_new_choice_is_read_for_all() {
    let here = here(config(300)).await;
    let mut flow = Flow::of(CONTACTS);
    flow.rows.columns = vec!["Vid".into(), "Properties_Email_Value".into()];
    assert_eq!(flow.run(&here.remote()).await.upserts, 300);
    assert!(flow.lake.values().all(|(_, row)| row["properties"].get("firstname").is_none()));
    assert_eq!(flow.run(&here.remote()).await.upserts, 0);
    flow.rows.columns.push("properties.firstname".into());
    assert!(flow.run(&here.remote()).await.upserts > 250);
    assert!(flow.lake.values().any(|(_, row)| row["properties"]["firstname"].is_string()));
}

/// §7.4, §7.5: a walk that finds nothing new gives pages all the same, and each of them resumes behind what was read.
#[tokio::test]
async fn a_walk_without_news_is_seen_to_go_on() {
    let mut account = config(1_000);
    account.switches.archived_percent = 60;
    let here = here(account).await;
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    for _ in 0..2 {
        here.sim().forget_requests();
        let brought = flow.run(&here.remote()).await;
        assert_eq!((brought.upserts, brought.deletes), (0, 0));
        let (searched, listed) = (here.calls("search contacts"), here.calls("list contacts"));
        assert!(listed > 3, "{listed}");
        assert!(brought.pages as u64 + 1 >= searched + listed, "{brought:?} of {searched} and {listed}");
    }
}

/// §9: a URL that is refused although it is as short as our cap goes ends in reading by ids, not in a loop.
#[tokio::test]
async fn a_short_url_that_is_refused_is_given_up() {
    let mut account = config(250);
    account.switches.url_bytes = 150;
    let here = here(account).await;
    let mut flow = Flow::of(CONTACTS);
    let names = ["email", "firstname", "lastname", "phone", "company", "city", "country", "jobtitle", "website", "zip"];
    flow.rows.columns = names.map(|name| format!("properties.{name}")).to_vec();
    assert_eq!(flow.run(&here.remote()).await.upserts, 250);
    assert_eq!((here.sim().summary().statuses[&414], here.calls("batch_read contacts")), (1, 3));
}
