//! What a command is told to work on: a name, an id, or the first characters of one that nothing else begins with.

use crate::client::{CATALOG, Client, FLOW, get, segment};
use crate::failure::{Exit, Failure, Result};
use serde_json::Value;

/// What is said of a flow that has not run: the end of the message.
pub const NO_RUNS: &str = "has no runs yet";

/// What can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A connection.
    Connection,
    /// A connection spec.
    Spec,
    /// A flow.
    Flow,
    /// A dataset.
    Table,
    /// A client.
    User,
    /// A role.
    Role,
}

impl Kind {
    /// For people.
    pub fn noun(self) -> &'static str {
        match self {
            Kind::Connection => "connection",
            Kind::Spec => "connection spec",
            Kind::Flow => "flow",
            Kind::Table => "table",
            Kind::User => "client",
            Kind::Role => "role",
        }
    }

    /// The command that lists them.
    pub fn list(self) -> &'static str {
        match self {
            Kind::Connection => "forebay connections list",
            Kind::Spec => "forebay specs list",
            Kind::Flow => "forebay flows list",
            Kind::Table => "forebay tables list",
            Kind::User => "forebay users list",
            Kind::Role => "forebay users roles",
        }
    }
}

/// Something that was found: its document has its etag and more.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What the list says of it.
    pub body: Value,
}

/// All there are of a kind.
///
/// # Errors
/// When the server cannot be asked.
pub async fn all(client: &Client, kind: Kind) -> Result<Vec<Found>> {
    let found = match kind {
        Kind::Connection => pages(client, &format!("{FLOW}/connections")).await?,
        Kind::Flow => pages(client, &format!("{FLOW}/flows")).await?,
        Kind::Spec => client.send(get(format!("{FLOW}/connectionSpecs")).query("limit", 1000).lookup()).await?.items(),
        Kind::Table => datasets(client).await?,
        Kind::User => {
            let path = format!("{}/clients", crate::client::OWN);
            let answer = client.send(get(path).query("limit", 1000).lookup()).await?;
            answer.body["clients"].as_array().cloned().unwrap_or_default()
        }
        Kind::Role => {
            let path = "/data/foundation/access-control/administration/roles";
            let answer = client.send(get(path).query("limit", 100).lookup()).await?;
            answer.body["roles"].as_array().cloned().unwrap_or_default()
        }
    };
    let text = |body: &Value, name: &str| body[name].as_str().unwrap_or_default().to_string();
    Ok(found.into_iter().map(|body| Found { id: text(&body, "id"), name: text(&body, "name"), body }).collect())
}

/// Every page of a list of Flow Service.
///
/// # Errors
/// When the server cannot be asked.
pub async fn pages(client: &Client, path: &str) -> Result<Vec<Value>> {
    let mut items = Vec::new();
    let mut next = get(path).query("limit", 1000).lookup();
    loop {
        let answer = client.send(next).await?;
        items.extend(answer.items());
        let Some(link) = answer.body.pointer("/_links/next/href").and_then(Value::as_str) else { return Ok(items) };
        next = get(link_path(link)).lookup();
    }
}

/// A link of an answer as a path: the server may be known to us by another address than to itself.
pub fn link_path(link: &str) -> String {
    match url::Url::parse(link) {
        Ok(url) => match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_string(),
        },
        Err(_) if link.starts_with("/data/") => link.to_string(),
        Err(_) => format!("{FLOW}{link}"),
    }
}

async fn datasets(client: &Client) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    loop {
        let path = format!("{CATALOG}/dataSets");
        let answer = client.send(get(path).query("limit", 100).query("start", all.len()).lookup()).await?;
        let page = answer.body.as_object().cloned().unwrap_or_default();
        let last = page.len() < 100;
        for (id, mut body) in page {
            body["id"] = id.into();
            all.push(body);
        }
        if last {
            return Ok(all);
        }
    }
}

impl crate::client::Answer {
    /// `items` of a list.
    pub fn items(&self) -> Vec<Value> {
        self.body["items"].as_array().cloned().unwrap_or_default()
    }

    /// The one item of a look-up.
    pub fn item(&self) -> Value {
        self.body.pointer("/items/0").cloned().unwrap_or_default()
    }
}

/// The one of that kind that is meant.
///
/// # Errors
/// When none is, or several could be.
pub async fn find(client: &Client, kind: Kind, given: &str) -> Result<Found> {
    choose(kind, given, all(client, kind).await?)
}

/// Which of them is meant: by id, by name, by the first characters of an id, by a name in other case.
pub fn choose(kind: Kind, given: &str, all: Vec<Found>) -> Result<Found> {
    let ways: [&dyn Fn(&Found) -> bool; 4] = [
        &|found| found.id == given,
        &|found| found.name == given,
        &|found| given.len() >= 4 && found.id.starts_with(given),
        &|found| found.name.to_lowercase() == given.to_lowercase(),
    ];
    for way in ways {
        let mut fitting = all.iter().filter(|found| way(found));
        let (first, more) = (fitting.next(), fitting.count());
        match (first, more) {
            (None, _) => {}
            (Some(found), 0) => return Ok(found.clone()),
            (Some(_), _) => {
                let ids: Vec<&str> = all.iter().filter(|found| way(found)).map(|found| found.id.as_str()).collect();
                let message = format!("{} {}s are called {given:?}: name one by its id", ids.len(), kind.noun());
                return Err(Failure::usage(format!("{message}: {}", ids.join(", "))).next(kind.list()));
            }
        }
    }
    let names: Vec<&str> = all.iter().map(|found| found.name.as_str()).collect();
    Err(unknown(kind.noun(), given, &names).next(kind.list()))
}

/// Nothing is called so; something that is called nearly so is named.
pub fn unknown(noun: &str, given: &str, names: &[&str]) -> Failure {
    let mut message = format!("there is no {noun} {given:?}");
    if let Some(near) = nearest(given, names) {
        message.push_str(&format!(". Did you mean {near:?}?"));
    }
    Failure::new(Exit::NotFound, message)
}

/// The name that is most like what was given, if one is.
pub fn nearest<'a>(given: &str, names: &[&'a str]) -> Option<&'a str> {
    let given = given.to_lowercase();
    let likeness = |name: &str| strsim::jaro_winkler(&given, &name.to_lowercase());
    let best = names.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.75).then_some(*best)
}

/// The run that is meant: by id, by the first characters of one, or the latest of a flow.
///
/// # Errors
/// When none is, or several could be.
pub async fn run(client: &Client, given: &str) -> Result<Found> {
    let found =
        |body: Value| Found { id: body["id"].as_str().unwrap_or_default().to_string(), name: String::new(), body };
    match client.send(get(format!("{FLOW}/runs/{}", segment(given))).lookup()).await {
        Ok(answer) => return Ok(found(answer.item())),
        Err(failure) if matches!(failure.exit, Exit::NotFound | Exit::Usage) => {}
        Err(failure) => return Err(failure),
    }
    let recent = get(format!("{FLOW}/runs")).query("limit", 1000).query("orderby", "-createdAt").lookup();
    let recent = client.send(recent).await?.items();
    if given.len() >= 4 {
        let mut fitting = recent.iter().filter(|run| run["id"].as_str().is_some_and(|id| id.starts_with(given)));
        match (fitting.next(), fitting.next()) {
            (Some(run), None) => return Ok(found(run.clone())),
            (Some(_), Some(_)) => {
                let message = format!("several runs begin with {given:?}: write more of the id");
                return Err(Failure::usage(message).next("forebay runs list"));
            }
            (None, _) => {}
        }
    }
    match find(client, Kind::Flow, given).await {
        Ok(flow) => match recent.into_iter().find(|run| run["flowId"] == flow.id.as_str()) {
            Some(run) => Ok(found(run)),
            None => Err(Failure::new(Exit::NotFound, format!("the flow {:?} {NO_RUNS}", flow.name))
                .next(format!("forebay run {}", quoted(&flow.name)))),
        },
        Err(failure) if failure.exit == Exit::NotFound => {
            Err(Failure::new(Exit::NotFound, format!("there is no run {given:?}, and no flow of that name"))
                .next("forebay runs list"))
        }
        Err(failure) => Err(failure),
    }
}

/// A name as a shell takes it.
pub fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':');
    match !name.is_empty() && name.chars().all(plain) {
        true => name.to_string(),
        false => format!("'{}'", name.replace('\'', "'\\''")),
    }
}

/// The first characters of an id: enough to name it.
pub fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<Found> {
        [("aaaa1111", "orders"), ("aaaa2222", "Customers"), ("bbbb3333", "orders")]
            .map(|(id, name)| Found { id: id.into(), name: name.into(), body: Value::Null })
            .to_vec()
    }

    #[track_caller]
    fn check(given: &str, expected: Result<&str, &str>) {
        let found = choose(Kind::Flow, given, three());
        match (found, expected) {
            (Ok(found), Ok(id)) => assert_eq!(found.id, id),
            (Err(failure), Err(part)) => assert!(failure.message.contains(part), "{}", failure.message),
            (found, _) => panic!("{given}: {found:?}"),
        }
    }

    #[test]
    fn ids_names_and_unique_prefixes_name_things() {
        check("aaaa1111", Ok("aaaa1111"));
        check("Customers", Ok("aaaa2222"));
        check("customers", Ok("aaaa2222"));
        check("bbbb", Ok("bbbb3333"));
        check("aaaa", Err("2 flows are called"));
        check("orders", Err("2 flows are called"));
        check("bb", Err("there is no flow"));
        check("custmers", Err("Did you mean \"Customers\"?"));
        check("zzz", Err("there is no flow \"zzz\""));
    }

    #[test]
    fn links_are_followed_on_the_server_that_was_named() {
        assert_eq!(link_path("http://other:1/data/x?a=b"), "/data/x?a=b");
        assert_eq!(link_path("/runs?limit=1"), format!("{FLOW}/runs?limit=1"));
    }

    #[test]
    fn names_are_quoted_for_shells() {
        assert_eq!((quoted("a-b"), quoted("a b"), quoted("it's")), ("a-b".into(), "'a b'".into(), "'it'\\''s'".into()));
    }
}
