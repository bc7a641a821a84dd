//! What a load costs in requests (hubspot.md §8, §13.4).

use super::{CONTACTS, Flow, config, here};
use forebay_playground::hubspot::{Action, Plan, Rule};

const CONTACTS_THERE: u64 = 100_000;

/// A load of the whole account, which meets these faults; answers how many requests it made and the fewest there could be.
async fn load(faults: Vec<Rule>) -> (u64, u64) {
    let here = here(config(CONTACTS_THERE)).await;
    faults.into_iter().for_each(|rule| here.sim().fault(rule));
    let mut flow = Flow::of(CONTACTS);
    flow.rows.columns = vec!["properties.email".into()];
    let brought = flow.run(&here.remote()).await;
    assert_eq!(brought.upserts as u64, CONTACTS_THERE);
    assert!(brought.problems.is_empty(), "{:?}", brought.problems);
    let plan = Plan { object: "contacts".into(), full: true, fits_url: true, archived: true, ..Plan::default() };
    (here.sim().summary().requests, here.sim().minimum(&plan))
}

#[tokio::test]
async fn a_load_makes_the_fewest_requests_and_twenty_at_most_besides() {
    let (made, fewest) = load(Vec::new()).await;
    assert!(made <= fewest + 20, "{made} requests, {fewest} at least");
}

#[tokio::test]
async fn a_load_with_a_tenth_of_faults_makes_half_as_many_more_at_most() {
    let fault = |action: Action| Rule::new(action).probability(0.035);
    let faults =
        vec![fault(Action::Status(503)), fault(Action::Html), fault(Action::Cut { after: 900, with_length: true })];
    let (made, fewest) = load(faults).await;
    assert!(made as f64 >= 1.05 * fewest as f64, "{made} requests, {fewest} at least: the faults were met");
    assert!(made as f64 <= 1.5 * (fewest + 20) as f64, "{made} requests, {fewest} at least");
}
