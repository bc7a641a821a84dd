//! The language by example: each line is one text and what it means, and properties over arbitrary texts and trees.

mod attributes;
mod expressions;
mod sets;
