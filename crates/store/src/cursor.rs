//! Continuation tokens (FS-ENV-3): where a list goes on, and the whole of what was asked, so that the link works by itself
//! and stays valid when a client repeats its parameters. Sealed, and bound to resource and scope: a token that was changed,
//! or that belongs to another list, is refused. Base64url without padding: no `=`, no `&`.

use crate::keys::Key;
use crate::seal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_model::filter::{Query, SortKey};
use forebay_model::{Error, Kind, Resource, Result, Scope, code};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const LONGEST: usize = 64 * 1024;

/// What a token carries.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Cursor {
    pub query: Query,
    pub order: Vec<SortKey>,
    pub limit: usize,
    pub after: Position,
}

/// The last document of a page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Position {
    pub created: i64,
    pub id: String,
    /// What the order's keys found in it.
    pub values: Vec<Value>,
}

impl Cursor {
    pub(crate) fn token(&self, key: &Key, scope: &Scope, resource: Resource) -> Result<String> {
        let text = serde_json::to_vec(self)
            .map_err(|error| Error::internal("A list cannot be continued.").caused_by(error))?;
        Ok(URL_SAFE_NO_PAD.encode(seal::encrypt(key, &bound(scope, resource), &text)?))
    }

    pub(crate) fn read(
        token: &str,
        key: &Key,
        scope: &Scope,
        resource: Resource,
    ) -> Result<Cursor> {
        let read = || {
            if token.len() > LONGEST {
                return None;
            }
            let text = seal::decrypt(
                key,
                &bound(scope, resource),
                &URL_SAFE_NO_PAD.decode(token).ok()?,
            )?;
            serde_json::from_slice(&text).ok()
        };
        read().ok_or_else(|| {
            let message = "The continuationToken is not one that this list has given.";
            Error::new(Kind::Invalid, &code::FLOW_1451, message)
                .advice("Follow the link in _links.next as it is, or list from the start.")
        })
    }
}

fn bound(scope: &Scope, resource: Resource) -> Vec<u8> {
    seal::associate(&["continuation", &scope.org, &scope.sandbox, resource.name()])
}
