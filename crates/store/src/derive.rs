//! Keys for other purposes, derived from the key-encryption key.

use crate::keys::Keys;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

impl Keys {
    /// A key of its own for `purpose` (HKDF-SHA256). The same after every start; it changes when the key-encryption key is rotated.
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let (_, key) = self.current();
        let mut derived = Zeroizing::new([0; 32]);
        let hkdf = Hkdf::<Sha256>::new(None, &key[..]);
        hkdf.expand(purpose.as_bytes(), &mut derived[..]).expect("32 bytes are a legal length");
        derived
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_key_depends_on_the_key_and_the_purpose_alone() {
        let (one, two) = (Keys::from_bytes([1; 32]), Keys::from_bytes([2; 32]));
        assert_eq!(*one.derive("tokens"), *Keys::from_bytes([1; 32]).derive("tokens"));
        assert_ne!(*one.derive("tokens"), *two.derive("tokens"));
        assert_ne!(*one.derive("tokens"), *one.derive("cursors"));
    }
}
