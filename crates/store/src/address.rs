//! Where the database is: a file of SQLite or a server of PostgreSQL. What is said of an address never has its password.

use forebay_model::{Error, Kind, Result, code};
use sqlx::postgres::PgConnectOptions;
use std::str::FromStr;

/// Which database lies beneath.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// A checked address.
pub(crate) struct Address {
    pub dialect: Dialect,
    /// For the driver alone: it may hold a password.
    pub url: String,
    /// For people.
    pub shown: String,
}

/// What a URL of PostgreSQL may say behind its question mark. The driver ignores what it does not know, and logs it.
const PARAMETERS: &[&str] = &[
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "statement-cache-capacity",
];

impl Address {
    /// Of `sqlite:///path/forebay.db`, a plain path, or `postgres://user:password@host/database`.
    pub(crate) fn parse(url: &str) -> Result<Address> {
        Address::read(url, true)
    }

    /// The same, of a database that is not made where it is absent.
    pub(crate) fn existing(url: &str) -> Result<Address> {
        Address::read(url, false)
    }

    fn read(url: &str, create: bool) -> Result<Address> {
        match url.split_once("://") {
            Some(("postgres" | "postgresql", _)) => postgres(url),
            Some(("sqlite", _)) | None => sqlite(url, create),
            Some((scheme, _)) => Err(refused(format!(
                "The database's address begins with {scheme}://, which is not supported: use sqlite:///path/forebay.db or postgres://user@host/database."
            ))),
        }
    }
}

fn refused(message: String) -> Error {
    Error::new(Kind::Invalid, &code::FLOW_1400, message)
}

fn postgres(url: &str) -> Result<Address> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let name = parameter.split('=').next().unwrap_or_default();
        if !PARAMETERS.contains(&name) {
            return Err(refused(format!(
                "The database's address has the parameter {name}, which is not one of {}.",
                PARAMETERS.join(", ")
            )));
        }
    }
    let options = PgConnectOptions::from_str(url).map_err(|error| {
        refused("The database's address cannot be read: it should be postgres://user:password@host:port/database, with special characters of the password as %XX.".into())
            .caused_by(error)
    })?;
    let shown = format!(
        "postgres://{}@{}:{}/{}",
        options.get_username(),
        options.get_socket().map_or(options.get_host().to_string(), |socket| socket.display().to_string()),
        options.get_port(),
        options.get_database().unwrap_or(options.get_username()),
    );
    Ok(Address { dialect: Dialect::Postgres, url: url.to_string(), shown })
}

/// `sqlite://…?mode=rwc`. The file is created here, readable by its owner only.
fn sqlite(url: &str, create: bool) -> Result<Address> {
    let refused = |why: &str| refused(format!("The database {url} {why}"));
    let (path, options) = match url.strip_prefix("sqlite:") {
        Some(rest) => {
            let rest = rest.strip_prefix("//").unwrap_or(rest);
            let (path, options) = rest.split_once('?').unwrap_or((rest, ""));
            (path.to_string(), options)
        }
        None => (url.replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace(' ', "%20"), ""),
    };
    if path.is_empty() || path.contains(":memory:") || options.contains("mode=memory") {
        return Err(refused("is not a file. What it keeps must survive a restart."));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let plain = path.replace("%20", " ").replace("%23", "#").replace("%3F", "?").replace("%25", "%");
        let made = std::fs::OpenOptions::new().write(true).create(create).truncate(false).mode(0o600).open(&plain);
        made.map_err(|error| {
            refused("cannot be opened for writing. Check that its folder exists and who owns it.").caused_by(error)
        })?;
    }
    Ok(Address { dialect: Dialect::Sqlite, url: format!("sqlite://{path}?mode=rwc"), shown: url.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let address =
            Address::parse("postgres://ann:hunter2%40x@db.example:5433/fore?sslmode=require").expect("it reads");
        assert_eq!(address.shown, "postgres://ann@db.example:5433/fore");
        let address = Address::parse("postgresql://db/fore?user=ann&password=hunter2").expect("it reads");
        assert_eq!(address.shown, "postgres://ann@db:5432/fore");
        for bad in [
            "postgres://ann:hunter2@db:port/fore",
            "postgres://ann:hunter2@db/fore?pasword=hunter2",
            "postgres://ann:hunter2@db/fore?sslmode=perhaps",
            "postgres://ann:hunter2@[db/fore",
            "mysql://ann:hunter2@db/fore",
        ] {
            let Err(error) = Address::parse(bad) else { panic!("{bad} was taken") };
            assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
        }
    }
}
