//! The outside world: one source a file, behind one egress gate.
