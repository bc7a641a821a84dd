//! Mapping, through the operator.
