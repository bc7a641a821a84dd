//! Datasets as Delta tables: write files, commit once, read.
