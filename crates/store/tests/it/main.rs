//! The store's laws: whatever database lies beneath, they hold. Start at `laws.rs`.

mod laws;
