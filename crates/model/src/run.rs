//! A run's document (FS §10.2), built from typed values.

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Waits for its turn.
    Scheduled,
    /// A worker has it.
    InProgress,
    /// All of it, or all but the rejected rows, is in the lake.
    Success,
    /// Nothing of it is in the lake.
    Failed,
}
