//! The lake against folders, memory and stores that fail.
