//! What is offered beyond the public contract, under `/data/foundation/forebay`: one file for each subject.

pub mod manifest;
