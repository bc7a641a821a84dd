//! The HTTP control plane: one file per resource, one list of routes.
