//! Full and incremental loads of a quiet account (hubspot.md §7, §13.1).

use super::{CONTACTS, Flow, here};
use forebay_playground::hubspot::Config;

/// §13.1, §8: the table is the truth, and the account was asked no more than it takes.
#[tokio::test]
async fn a_first_load_is_the_truth() {
    let here = here(Config::with_contacts(1_234)).await;
    let mut flow = Flow::of(CONTACTS);
    let brought = flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
    assert_eq!(brought.upserts, 1_234);
    assert_eq!(here.calls("list contacts"), 13 + 1, "{:?}", here.sim().summary().calls);
    let second = flow.run(&here.remote()).await;
    assert_eq!((second.upserts, second.deletes), (0, 0), "{second:?}");
}
