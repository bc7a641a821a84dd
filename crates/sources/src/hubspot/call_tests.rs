//! How long one call goes on, and what of it is shown.

use super::*;

fn tries(spent: u64) -> Tries {
    let patience = crate::Patience {
        attempts: 9,
        first: Duration::from_secs(1),
        longest: Duration::from_secs(60),
        budget: Duration::from_secs(900),
    };
    Tries {
        started: Instant::now() - Duration::from_secs(spent),
        pauses: Pauses::new(patience),
        patience,
        tokens: 0,
        limited: 0,
        failing: 0,
        blocked: 0,
        odd: 0,
    }
}

/// A run without a sign of life for ten minutes is taken for stuck: the longest wait that is kept inside it fits, and a
/// chain of them does not.
#[tokio::test]
async fn a_chain_of_waits_is_given_back() {
    assert!(tries(0).has(LONG) && !tries(200).has(LONG) && LAST_WAIT < PATIENT);
    let mut late = tries(419);
    let busy = || Fault::odd(&Target::Owners, "so");
    let mut asked = busy();
    asked.wait = Some(Duration::from_secs(30));
    let fault = late.pause(asked, true).await.unwrap_err();
    let Kind::Unavailable { retry_after: Some(wait) } = fault.error.kind else { panic!("{fault:?}") };
    assert!(wait >= Duration::from_secs(30), "{wait:?}");
}

/// T1: the body of a renewal holds secrets.
#[test]
fn a_body_is_not_shown() {
    let shown = format!("{:?}", Ask::form(Target::Token, "client_secret=hidden".to_string()));
    assert!(shown.contains("Token") && !shown.contains("hidden"), "{shown}");
}
