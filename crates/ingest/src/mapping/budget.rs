//! What evaluating an expression may cost in one row: the texts and lists that it makes, and what a lambda looks at for
//! each element. A row that asks for more has no value, with a reason of its own (`MAPPER-3701-400`), so that no mapping
//! and no record can hold up a run or eat its memory.

use super::value::{Fault, Value};
use std::cell::Cell;

/// Bytes of text that a row may make or look at.
const MAX_WORK: u64 = 64 << 20;
/// What an element of a list costs, in bytes.
const ELEMENT: u64 = 64;
/// The longest text that a function makes.
pub const MAX_TEXT: usize = 4 << 20;

/// What is left for a row.
#[derive(Debug)]
pub struct Budget(Cell<u64>);

impl Default for Budget {
    fn default() -> Budget {
        Budget(Cell::new(MAX_WORK))
    }
}

impl Budget {
    /// The next row begins.
    #[inline]
    pub fn renew(&self) {
        self.0.set(MAX_WORK);
    }

    fn spend(&self, work: u64) -> Result<(), Fault> {
        match self.0.get().checked_sub(work) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => {
                Err(Fault::limit("the expression takes more work than a row may cost: it makes too much of too much"))
            }
        }
    }

    /// A text of so many bytes is about to be made.
    pub fn text(&self, bytes: usize) -> Result<(), Fault> {
        self.longer(0, bytes)
    }

    /// A text of `bytes` is about to become longer by `more`.
    pub fn longer(&self, bytes: usize, more: usize) -> Result<(), Fault> {
        if bytes.saturating_add(more) > MAX_TEXT {
            return Err(Fault::limit(format!("the text would be longer than {} MiB", MAX_TEXT >> 20)));
        }
        self.spend(more as u64)
    }

    /// So many elements are about to be made or visited.
    pub fn elements(&self, count: usize) -> Result<(), Fault> {
        self.spend((count as u64).saturating_mul(ELEMENT))
    }

    /// A value is looked at once more.
    pub fn look(&self, value: &Value<'_>) -> Result<(), Fault> {
        match value {
            Value::Text(text) => self.spend(text.len() as u64),
            Value::List(items) => {
                self.elements(items.len())?;
                items.iter().try_for_each(|item| self.look(item))
            }
            Value::Object(members) => {
                self.elements(members.len())?;
                members.iter().try_for_each(|(name, value)| {
                    self.spend(name.len() as u64)?;
                    self.look(value)
                })
            }
            _ => Ok(()),
        }
    }
}
