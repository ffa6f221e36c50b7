//! Sealed secrets: values that only the controller in the cluster can open.
//!
//! The format is that of <https://github.com/bitnami-labs/sealed-secrets> (`pkg/crypto/crypto.go`): a fresh AES-256-GCM
//! key encrypts the value, and RSA-OAEP with SHA-256 encrypts that key for the controller. The OAEP label is
//! `namespace/name`, so that the value opens in that Secret only. Pure: random bytes come from the caller. Nothing here
//! decrypts.

mod certificate;

pub use certificate::Certificate;

use crate::support::diagnostic::{Code, Diagnostic};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use rsa::Oaep;
use rsa::rand_core::{self, CryptoRng, RngCore};
use rsa::sha2::Sha256;

/// A source of random bytes; fails when the system has none.
pub(crate) type Random<'a> = dyn FnMut(&mut [u8]) -> Result<(), Diagnostic> + 'a;

/// The Secret that a sealed value is for; it opens in no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scope<'a> {
    /// Namespace of the Secret.
    pub namespace: &'a str,
    pub name: &'a str,
}

/// Encrypts a value: length of the encrypted key (two bytes), encrypted key, encrypted value. Never twice the same.
pub(crate) fn seal(
    certificate: &Certificate,
    scope: Scope<'_>,
    value: &[u8],
    random: &mut Random,
) -> Result<Vec<u8>, Diagnostic> {
    let failed = |what: &str| Diagnostic::new(Code::SealingFailed, "", format!("a value could not be sealed: {what}"));
    let mut session = [0; 32];
    random(&mut session)?;
    let mut source = Source { random, diagnostic: None };
    let label = format!("{}/{}", scope.namespace, scope.name);
    let encrypted = certificate.key.encrypt(&mut source, Oaep::new_with_label::<Sha256, _>(label), &session);
    if let Some(diagnostic) = source.diagnostic {
        return Err(diagnostic);
    }
    let encrypted = encrypted.map_err(|error| failed(&error.to_string()))?;
    let length = u16::try_from(encrypted.len()).map_err(|_| failed("the key of the certificate is too long"))?;
    let key = UnboundKey::new(&AES_256_GCM, &session).map_err(|_| failed("no AES key"))?;
    let mut text = value.to_vec();
    // The key is used for this one value only, so the nonce may be anything; the format says zero.
    LessSafeKey::new(key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key([0; NONCE_LEN]), Aad::empty(), &mut text)
        .map_err(|_| failed("it is too long"))?;
    Ok([&length.to_be_bytes(), encrypted.as_slice(), &text].concat())
}

/// The caller's random bytes as the crate for RSA wants them. It asks in a way that cannot fail: a failure is kept, and
/// nothing that was made with it is used.
struct Source<'a, 'b> {
    random: &'a mut Random<'b>,
    diagnostic: Option<Diagnostic>,
}

impl CryptoRng for Source<'_, '_> {}

impl RngCore for Source<'_, '_> {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        if let Err(diagnostic) = (self.random)(bytes) {
            self.diagnostic = Some(diagnostic);
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = include_str!("certificate.pem");
    const SCOPE: Scope = Scope { namespace: "shop", name: "shop-token-sealed" };

    fn certificate() -> Certificate {
        Certificate::from_pem(CERTIFICATE, std::time::Duration::ZERO).unwrap()
    }

    fn counting() -> impl FnMut(&mut [u8]) -> Result<(), Diagnostic> {
        let mut next = 0_u8;
        move |bytes| {
            for byte in bytes {
                next = next.wrapping_add(1);
                *byte = next;
            }
            Ok(())
        }
    }

    #[test]
    fn a_sealed_value_has_the_parts_of_the_format() {
        let sealed = seal(&certificate(), SCOPE, b"hunter2", &mut counting()).unwrap();
        let length = usize::from(u16::from_be_bytes([sealed[0], sealed[1]]));
        assert_eq!(length, 256, "as long as the key of 2048 bits");
        assert_eq!(sealed.len(), 2 + length + b"hunter2".len() + 16, "the value and its tag");
        // The first bytes are the session key: what AES-GCM makes of it is known without the private key.
        let session: Vec<u8> = (1..=32).collect();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &session).unwrap());
        let mut text = sealed[2 + length..].to_vec();
        let opened = key.open_in_place(Nonce::assume_unique_for_key([0; NONCE_LEN]), Aad::empty(), &mut text).unwrap();
        assert_eq!(opened, b"hunter2");
    }

    #[test]
    fn without_random_bytes_nothing_is_sealed() {
        let mut calls = 0;
        let mut broken = |bytes: &mut [u8]| {
            calls += 1;
            bytes.fill(7);
            if calls > 1 { Err(Diagnostic::new(Code::SealingFailed, "", "none left")) } else { Ok(()) }
        };
        assert_eq!(seal(&certificate(), SCOPE, b"x", &mut broken).unwrap_err().what, "none left");
    }
}
