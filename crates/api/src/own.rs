//! What Forebay offers beside the public interface, for its own UI and command line: `/data/foundation/forebay/…`.

pub mod runlog;
