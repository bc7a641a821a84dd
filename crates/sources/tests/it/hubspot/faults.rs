//! What goes wrong on the way (hubspot.md §11).

use super::{Brought, CONTACTS, Flow, config, here, wide};
use forebay_model::Kind;
use forebay_playground::hubspot::{Action, Rule};
use futures::StreamExt;
use std::time::Duration;

/// Runs a first load and an incremental run through faults; both end in the truth.
async fn check(rules: Vec<Rule>) {
    let here = here(config(900)).await;
    for rule in rules {
        here.sim().fault(rule);
    }
    let mut flow = Flow::of(CONTACTS);
    let remote = here.remote();
    flow.run(&remote).await;
    here.sim().edit_random("contacts", 250);
    flow.run(&remote).await;
    here.sim().clear_faults();
    flow.run(&remote).await;
    flow.check(here.sim(), "contacts");
    assert_eq!(flow.run(&remote).await.upserts, 0);
}

fn on(action: Action) -> Vec<Rule> {
    ["list", "search", "batch_read"].map(|call| Rule::new(action.clone()).call(call).every(3)).to_vec()
}

/// Rows of §11: an answer that is not whole or not JSON is as good as none.
#[tokio::test]
async fn half_an_answer_is_no_answer() {
    check(on(Action::Html)).await;
    check(on(Action::Empty)).await;
    check(on(Action::Corrupt)).await;
    check(on(Action::Cut { after: 700, with_length: true })).await;
    check(on(Action::Cut { after: 700, with_length: false })).await;
    check(on(Action::Drop)).await;
}

/// Rows of §11: what passes is waited for, whatever the method.
#[tokio::test]
async fn what_passes_is_tried_again() {
    for status in [408, 500, 502, 503, 504, 521, 525] {
        check(on(Action::Status(status))).await;
    }
}

#[tokio::test]
async fn odd_headers_and_pages_do_no_harm() {
    check(on(Action::ContentType("text/plain".into()))).await;
    check(on(Action::EmptyPage)).await;
    check(on(Action::DoublePage)).await;
    check(on(Action::RepeatCursor)).await;
}

/// §6.2: a batch that is there in part is used in part, 207 or 200.
#[tokio::test]
async fn a_part_of_a_batch_is_used() {
    for (as_200, single) in [(false, false), (true, false), (true, true)] {
        check(vec![Rule::new(Action::BatchPartial { every: 7, as_200, single }).call("batch_read").every(2)]).await;
    }
}

/// §11, 400 on `after`: the walk starts over once.
#[tokio::test]
async fn a_cursor_that_was_refused_starts_over() {
    check(vec![Rule::new(Action::CursorExpired).call("list").nth(4)]).await;
    let here = here(wide(900, 700)).await;
    here.sim().fault(Rule::new(Action::CursorExpired).call("list").nth(4));
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
}

/// A list that leads in a circle ends in an error and not in a loop.
#[tokio::test]
async fn a_circle_ends() {
    let here = here(config(900)).await;
    here.sim().fault(Rule::new(Action::RepeatCursor).call("list").times(3, 1_000));
    let error = Flow::of(CONTACTS).try_run(&here.remote(), 99).await.unwrap_err();
    assert!(matches!(error.kind, Kind::Unavailable { .. }), "{error}");
    assert!(here.calls("list contacts") < 12);
}

/// §2: where a generation of paths is not there, the next older one is used, for that family, and remembered.
#[tokio::test]
async fn older_paths_are_used_where_newer_ones_are_not_there() {
    for off in [vec!["2026-09"], vec!["2026-09", "2026-03"]] {
        let mut account = config(300);
        account.switches.families_off = off.iter().map(|family| family.to_string()).collect();
        let here = here(account).await;
        here.sim().expire_tokens();
        let mut flow = Flow::of(CONTACTS);
        flow.run(&here.remote()).await;
        flow.check(here.sim(), "contacts");
        let missing = here.sim().summary().statuses[&404];
        flow.run(&here.remote()).await;
        assert_eq!(here.sim().summary().statuses[&404], missing);
        let other = super::accounts(&here.running.url(), here.memory.clone());
        flow.run(&here.remote_of(&other)).await;
        assert!(here.sim().summary().statuses[&404] <= missing + off.len() as u64, "another process remembers");
    }
}

/// §11, 500: what fails at a full page may not fail at a smaller one.
#[tokio::test]
async fn a_page_that_fails_is_asked_for_in_parts() {
    let here = here(config(600)).await;
    here.sim().fault(Rule::new(Action::Status(500)).call("list").times(3, 5));
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
    // Six pages, the archive, five failures, and one more because a page came in two parts.
    assert_eq!(here.calls("list contacts"), 6 + 1 + 5 + 1);
}

/// §12: a record of twenty megabytes is a record.
#[tokio::test]
async fn a_huge_record_is_a_record() {
    let here = here(config(300)).await;
    here.sim().fault(Rule::new(Action::Big { bytes: 20 << 20 }).call("list").nth(2));
    let mut flow = Flow::of(CONTACTS);
    let brought = flow.run(&here.remote()).await;
    assert_eq!(brought.upserts, 300);
}

/// A stream that is dropped makes no more calls.
#[tokio::test]
async fn dropping_the_pages_stops_the_calls() {
    let here = here(config(3_000)).await;
    let mut flow = Flow::of(CONTACTS);
    flow.try_run(&here.remote(), 1).await.unwrap();
    let asked = here.calls("list contacts");
    // Another call goes out after whatever the dropped stream had asked.
    here.remote().describe(CONTACTS).await.unwrap();
    assert!(here.calls("list contacts") <= asked + 1, "{asked}, {}", here.calls("list contacts"));
    assert!(asked <= 5, "{asked}");
}

/// §11: a kind that is not there is not found, and says so.
#[tokio::test]
async fn a_table_that_is_not_there_is_not_found() {
    let here = here(config(20)).await;
    let error = Flow::of("Hubspot.Machinery").try_run(&here.remote(), 9).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound, "{error}");
    assert_eq!(here.remote().describe("Hubspot.Machinery").await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(here.remote().sample("nothing", 5).await.unwrap_err().kind, Kind::NotFound);
}

/// A source of tables has no files, and says so.
#[tokio::test]
async fn files_are_asked_of_the_wrong_source() {
    let here = here(config(20)).await;
    let error = here.remote().explore("/").await.unwrap_err();
    assert!(error.kind == Kind::Invalid && error.message.contains("hubspot"), "{error}");
}

/// §13.3 with §11: cut off anywhere, on a bad day, again and again, a run still ends in the truth.
#[tokio::test]
async fn a_run_that_is_cut_off_anywhere_on_a_bad_day_ends_in_the_truth() {
    let here = here(config(800)).await;
    let bad = [
        Action::Status(502),
        Action::Drop,
        Action::Cut { after: 300, with_length: false },
        Action::Html,
        Action::Corrupt,
        Action::AuthFlap,
        Action::ExpireTokens,
        Action::EmptyPage,
    ];
    for action in bad {
        for call in ["list", "search", "batch_read"] {
            here.sim().fault(Rule::new(action.clone()).call(call).probability(0.01));
        }
    }
    let mut flow = Flow::of(CONTACTS);
    for round in 0..3 {
        let mut patience = Duration::from_millis(40);
        loop {
            // A new process each time: nothing but the vault and what was landed is left of the one before.
            let process = super::accounts(&here.running.url(), here.memory.clone());
            let remote = here.remote_of(&process);
            let mut cut = flow.clone();
            let (read, _ledger) = cut.read();
            let mut pages = remote.pages(read);
            let mut brought = Brought::default();
            let landed = async {
                while let Some(page) = pages.next().await {
                    cut.land(page.unwrap(), &mut brought);
                }
            };
            let ended = tokio::time::timeout(patience, landed).await.is_ok();
            flow = cut;
            if ended {
                break;
            }
            patience += Duration::from_millis(60);
        }
        here.sim().edit_random("contacts", 150);
        here.sim().advance(Duration::from_secs(60));
        let ids = here.sim().ids("contacts");
        here.sim().archive("contacts", &ids[round * 7..round * 7 + 5]);
    }
    here.sim().clear_faults();
    flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
    assert_eq!(here.sim().summary().overlapping_refreshes, 0);
}

fn answer(status: u16, body: &str) -> Action {
    Action::Answer { status, headers: vec![("content-type".into(), "application/json".into())], body: body.to_string() }
}

/// §6.2: a batch that fails in part without a word about which records is no proof that any of them ended.
#[tokio::test]
async fn a_failure_without_names_ends_nothing() {
    let odd = [
        r#"{"status":"COMPLETE","results":[],"errors":[{"status":"error","category":"INTERNAL_ERROR","message":"m"}]}"#,
        r#"{"status":"COMPLETE","results":[],"errors":[{"category":"INTERNAL_ERROR","message":"m","context":{"id":"x"}}]}"#,
    ];
    for body in odd {
        let here = here(config(300)).await;
        let mut flow = Flow::of(CONTACTS);
        flow.run(&here.remote()).await;
        here.sim().advance(Duration::from_secs(7200));
        here.sim().edit_random("contacts", 50);
        here.sim().fault(Rule::new(answer(207, body)).call("batch_read"));
        let error = flow.clone().try_run(&here.remote(), 99).await.unwrap_err();
        assert!(matches!(error.kind, Kind::Unavailable { .. }), "{error}");
        here.sim().clear_faults();
        let brought = flow.run(&here.remote()).await;
        assert_eq!((brought.upserts, brought.deletes), (50, 0));
        flow.check(here.sim(), "contacts");
    }
}

/// §6.2: one record that HubSpot refuses is told and passed over; a refusal of everything is not taken for a bad record.
#[tokio::test]
async fn a_refusal_of_everything_is_no_success() {
    let here = here(config(300)).await;
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    here.sim().advance(Duration::from_secs(7200));
    here.sim().edit_random("contacts", 50);
    let refusal = r#"{"status":"error","category":"VALIDATION_ERROR","message":"no such thing"}"#;
    here.sim().fault(Rule::new(answer(400, refusal)).call("batch_read"));
    here.sim().forget_requests();
    let error = flow.clone().try_run(&here.remote(), 99).await.unwrap_err();
    assert!(error.kind == Kind::Refused && error.message.contains("no such thing"), "{error}");
    assert!(here.calls("batch_read contacts") < 25, "{}", here.calls("batch_read contacts"));
    here.sim().clear_faults();
    // Six refusals on the way down to one record.
    here.sim().fault(Rule::new(answer(400, refusal)).call("batch_read").times(1, 6));
    let brought = flow.run(&here.remote()).await;
    assert_eq!((brought.upserts, brought.problems.len(), brought.deletes), (49, 1, 0), "{brought:?}");
}
