//! Tokens (hubspot.md §3, §12, §13.6, §13.7).

use super::{CONTACTS, Flow, Here, account_id, accounts, config, here, patience, secrets};
use forebay_model::Kind;
use forebay_playground::hubspot::{Action, Config, Rule};
use forebay_sources::{Accounts, Check, Remote, Vault, by_spec};
use secrecy::ExposeSecret;
use serde_json::json;
use std::time::Duration;

fn told(checks: &[Check]) -> String {
    let word = |check: &Check| match (check.ok, &check.error) {
        (true, _) => "ok",
        (false, Some(_)) => "failed",
        (false, None) => "not reached",
    };
    checks.iter().map(|check| format!("{} {}", check.name, word(check))).collect::<Vec<_>>().join(", ")
}

fn open(here: &Here, accounts: &Accounts, id: &str, of: &[(&str, &str)]) -> Remote {
    let id = forebay_sources::AccountId { connection: id.into(), ..account_id() };
    accounts
        .open(by_spec(super::SPEC).unwrap(), &id, &json!({"clientId": here.running.account().client_id}), &secrets(of))
        .unwrap()
        .with_patience(patience())
}

/// §3.3: each step has a name, and the first that fails is the last.
#[tokio::test]
async fn a_test_names_the_step_that_fails() {
    let here = here(config(10)).await;
    let account = here.running.account();
    assert_eq!(told(&here.remote().test().await), "connect ok, sign in ok, account ok, read contacts ok");
    assert_eq!(told(&here.private().test().await), "connect ok, sign in ok, account ok, read contacts ok");
    let wrong = open(&here, &here.accounts, "w", &[("accessToken", "pat-na1-wrong")]);
    let checks = wrong.test().await;
    assert_eq!(told(&checks), "connect ok, sign in failed, account not reached, read contacts not reached");
    assert_eq!(checks[1].error.as_ref().unwrap().kind, Kind::Refused);
    let wrong =
        open(&here, &here.accounts, "x", &[("clientSecret", "wrong"), ("refreshToken", &account.refresh_token)]);
    let checks = wrong.test().await;
    assert_eq!(told(&checks), "connect ok, sign in failed, account not reached, read contacts not reached");
    let error = checks[1].error.as_ref().unwrap();
    assert!(error.kind == Kind::Refused && error.message.contains("client id or secret"), "{error}");
    let closed = accounts("http://127.0.0.1:1", here.memory.clone());
    assert!(told(&here.remote_of(&closed).test().await).starts_with("connect failed, sign in not reached"));
}

/// §11: a missing scope is named.
#[tokio::test]
async fn a_missing_scope_is_named() {
    let here = here(Config { missing_scopes: vec!["crm.objects.contacts.read".into()], ..config(10) }).await;
    let checks = here.remote().test().await;
    assert_eq!(told(&checks), "connect ok, sign in ok, account ok, read contacts failed");
    assert!(checks[3].error.as_ref().unwrap().message.contains("crm.objects.contacts.read"));
    let error = Flow::of(CONTACTS).try_run(&here.remote(), 9).await.unwrap_err();
    assert_eq!(error.kind, Kind::Refused, "{error}");
    Flow::of("Hubspot.Companies").run(&here.remote()).await;
}

/// §3.2 rule 2, §13.6: sixteen calls find the token expired, and it is renewed once.
#[tokio::test]
async fn many_calls_renew_an_expired_token_once() {
    let here = here(config(100)).await;
    here.sim().expire_tokens();
    let calls = (0..16).map(|_| {
        let remote = here.remote();
        async move { remote.describe(CONTACTS).await.unwrap().len() }
    });
    let found = futures::future::join_all(calls).await;
    assert!(found.iter().all(|count| *count > 40));
    let summary = here.sim().summary();
    assert_eq!((summary.refreshes, summary.overlapping_refreshes, summary.secrets_in_urls), (1, 0, 0));
}

/// §3.2 rule 2: two processes share a lease; the one that comes second takes what the first one stored.
#[tokio::test]
async fn two_processes_renew_once() {
    let here = here(config(100)).await;
    here.sim().expire_tokens();
    let other = accounts(&here.running.url(), here.memory.clone());
    let (one, two) = (here.remote(), here.remote_of(&other));
    let (one, two) = futures::future::join(one.describe(CONTACTS), two.describe(CONTACTS)).await;
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(here.sim().summary().refreshes, 1);
}

/// §3.2, P11: a rotated refresh token is stored before the new access token is used, and the old one is never needed.
#[tokio::test]
async fn a_rotated_token_is_stored_before_it_is_used() {
    let mut account = config(1_000);
    account.switches.rotate_refresh_token = Some(0);
    let here = here(account).await;
    let old = here.running.account().refresh_token;
    for call in ["list", "properties"] {
        here.sim().fault(Rule::new(Action::ExpireTokens).call(call).every(3));
    }
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
    let stored = here.memory.secrets(&account_id()).await.unwrap();
    assert_ne!(stored["refreshToken"].expose_secret(), old);
    assert!(here.sim().summary().refreshes >= 3);
    // Another process has nothing but what was stored.
    here.sim().clear_faults();
    here.sim().expire_tokens();
    let other = accounts(&here.running.url(), here.memory.clone());
    let params = json!({"clientId": here.running.account().client_id});
    let remote = other.open(by_spec(super::SPEC).unwrap(), &account_id(), &params, &stored).unwrap();
    flow.run(&remote.with_patience(patience())).await;
}

/// §3.2 rule 5: what was revoked stays so: said once, with what to do, and no storm of calls.
#[tokio::test]
async fn a_revoked_refresh_token_is_final() {
    let here = here(config(100)).await;
    here.sim().fault(Rule::new(Action::RevokeRefresh).call("token"));
    here.sim().expire_tokens();
    let error = Flow::of(CONTACTS).try_run(&here.remote(), 9).await.unwrap_err();
    assert_eq!(error.kind, Kind::Refused, "{error}");
    assert!(error.advice.as_ref().unwrap().contains("Reconnect"), "{error:?}");
    assert!(here.sim().summary().requests < 5);
}

/// §3.2 rule 4: a refusal that is no expiry is met with one renewal and no more.
#[tokio::test]
async fn a_flapping_refusal_is_met_with_one_renewal() {
    let here = here(config(100)).await;
    here.sim().fault(Rule::new(Action::AuthFlap).call("list").nth(1));
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
    here.sim().clear_faults();
    here.sim().fault(Rule::new(Action::AuthFlap).call("search"));
    here.sim().forget_requests();
    let error = flow.try_run(&here.remote(), 9).await.unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    assert!(here.calls("search contacts") <= 2, "{}", here.calls("search contacts"));
}

/// §3.3 rule 3: another account behind the same connection would mix two accounts in one table.
#[tokio::test]
async fn another_account_behind_the_connection_is_refused() {
    let here = here(config(20)).await;
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    let other = super::here(Config { portal_id: 888_002, seed: 7, ..config(20) }).await;
    here.memory.put("c", other.oauth());
    let moved = accounts(&other.running.url(), here.memory.clone());
    let remote = other.remote_of(&moved);
    let error = flow.try_run(&remote, 9).await.unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    assert!(error.message.contains("888002") && error.message.contains("777001"), "{error}");
    assert_eq!(told(&remote.test().await), "connect ok, sign in ok, account failed, read contacts not reached");
    assert_eq!(other.calls("list contacts"), 0);
}

/// §6.1, §12: neither a redirect nor a link leads the token away.
#[tokio::test]
async fn the_token_goes_to_no_other_host() {
    let here = here(config(500)).await;
    let trap = super::here(config(1)).await;
    here.sim().fault(
        Rule::new(Action::Redirect { to: format!("{}/crm/v3/objects/contacts", trap.running.url()) })
            .call("list")
            .times(2, 2),
    );
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
    assert_eq!(trap.sim().summary().requests, 0);
    assert_eq!(here.sim().summary().secrets_in_urls, 0);
}

/// §13.6: a token is renewed before it ends; no call is made with one that has ended.
#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let mut account = config(1_500);
    // Each call takes two minutes of the account's clock, and the token lives for thirty.
    account.clock.per_request = Duration::from_secs(120);
    let here = here(account).await;
    let mut flow = Flow::of(CONTACTS);
    flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
    assert!(here.sim().summary().refreshes >= 1);
}

/// §13.7, T1: no secret in what a person or a log may see.
#[tokio::test]
async fn no_secret_is_shown() {
    let here = here(config(10)).await;
    let account = here.running.account();
    let remote = here.remote();
    let mut shown = format!("{remote:?} {:?}", here.accounts);
    for action in [Action::Status(400), Action::Status(403), Action::AuthFlap, Action::RevokeRefresh] {
        here.sim().clear_faults();
        here.sim().fault(Rule::new(action).call("list"));
        here.sim().fault(Rule::new(Action::RevokeRefresh).call("token"));
        if let Err(error) = Flow::of(CONTACTS).try_run(&remote, 9).await {
            shown.push_str(&format!("{error} {error:?}"));
        }
    }
    for secret in [&account.client_secret, &account.access_token, &account.refresh_token] {
        assert!(!shown.contains(secret.as_str()));
    }
    assert_eq!(here.sim().summary().secrets_in_urls, 0);
}

/// P11: whoever gives up while a token is renewed does not lose the token that was granted.
#[tokio::test]
async fn a_renewal_goes_on_when_nobody_waits_for_it() {
    let mut account = config(50);
    account.switches.rotate_refresh_token = Some(0);
    let here = here(account).await;
    here.sim().fault(Rule::new(Action::Delay { ms: 300 }).call("token"));
    here.sim().expire_tokens();
    let remote = here.remote();
    let gone = tokio::time::timeout(Duration::from_millis(150), remote.describe(CONTACTS)).await;
    assert!(gone.is_err());
    assert!(!remote.describe(CONTACTS).await.unwrap().is_empty());
    assert_eq!(here.sim().summary().refreshes, 1);
    let stored = here.memory.secrets(&account_id()).await.unwrap();
    assert_ne!(stored["refreshToken"].expose_secret(), here.running.account().refresh_token);
}

/// §3.3: a token that was replaced by mistake and is put back counts again.
#[tokio::test]
async fn a_token_that_is_put_back_is_used() {
    let here = here(config(10)).await;
    let good = here.running.account().private_app_token;
    for (token, accepted) in [(good.as_str(), true), ("pat-na1-wrong", false), (good.as_str(), true)] {
        let run = Flow::of(CONTACTS).try_run(&open(&here, &here.accounts, "p", &[("accessToken", token)]), 99).await;
        assert_eq!(run.is_ok(), accepted, "{token}: {run:?}");
    }
}

/// P11: tokens that the user replaces while the old ones are renewed are not overwritten.
#[tokio::test]
async fn a_renewal_does_not_overwrite_what_the_user_put_in_meanwhile() {
    let here = here(config(50)).await;
    here.sim().fault(Rule::new(Action::Delay { ms: 300 }).call("token"));
    here.sim().expire_tokens();
    let account = here.running.account();
    let remote = here.remote();
    let replaced = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let access = &account.private_app_token;
        let secret = &account.client_secret;
        here.memory
            .put("c", secrets(&[("clientSecret", secret), ("accessToken", access), ("refreshToken", "brand-new")]));
    };
    let (columns, ()) = futures::future::join(remote.describe(CONTACTS), replaced).await;
    assert!(!columns.unwrap().is_empty());
    let stored = here.memory.secrets(&account_id()).await.unwrap();
    assert_eq!(stored["refreshToken"].expose_secret(), "brand-new");
}
