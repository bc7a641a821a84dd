//! Lets cargo see what is compiled into the program besides its sources: the web UI, which `make ui` puts into `ui/dist`, and
//! the book.

use std::path::Path;

fn main() {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/dist");
    // Cargo would build this crate each time for the sake of a folder that is not there. In a checkout that cannot be
    // written to it may.
    let _ = std::fs::create_dir_all(&built);
    println!("cargo:rerun-if-changed={}", built.display());
    println!("cargo:rerun-if-changed=../../docs/book");
    println!("cargo:rerun-if-changed=build.rs");
}
