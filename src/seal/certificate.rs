//! The controller's certificate: its public key, and its expiry.

use crate::support::diagnostic::{Code, Diagnostic};
use rsa::RsaPublicKey;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::pkcs8::der::asn1::{AnyRef, GeneralizedTime, UtcTime};
use rsa::pkcs8::der::{Decode as _, Reader as _, Result, SliceReader, Tag, pem};
use std::time::Duration;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A public key that the controller has the private one for.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub(super) key: RsaPublicKey,
}

impl Certificate {
    /// Reads the first certificate of a PEM text. `now` is the time since 1970; an expired one is refused, because the
    /// controller has others in use since.
    pub fn from_pem(text: &str, now: Duration) -> std::result::Result<Self, Diagnostic> {
        let wrong = |what: &str| {
            Diagnostic::new(Code::SealingFailed, "", what)
                .hint("use the one that `kubeseal --fetch-cert` prints, or omit --cert")
        };
        let block = text.find(BEGIN).and_then(|start| {
            let end = text[start..].find(END)? + start + END.len();
            Some(&text[start..end])
        });
        let block = block.ok_or_else(|| wrong("it contains no certificate in PEM format"))?;
        let (_, der) =
            pem::decode_vec(block.replace("\r\n", "\n").as_bytes()).map_err(|_| wrong("its certificate is damaged"))?;
        let (not_after, key) = parts(&der).map_err(|_| wrong("its certificate is damaged"))?;
        if not_after < now {
            return Err(wrong("its certificate has expired"));
        }
        let key = RsaPublicKey::from_public_key_der(key).map_err(|_| wrong("its certificate contains no RSA key"))?;
        Ok(Self { key })
    }
}

/// The end of the validity, and the encoded public key, of an X.509 certificate (RFC 5280, section 4.1).
fn parts(der: &[u8]) -> Result<(Duration, &[u8])> {
    let certificate = AnyRef::from_der(der)?.value();
    let signed = AnyRef::decode(&mut SliceReader::new(certificate)?)?.value();
    let mut fields = SliceReader::new(signed)?;
    let first = AnyRef::decode(&mut fields)?;
    // The version stands before the serial number, unless it is the first.
    if matches!(rsa::pkcs8::der::Tagged::tag(&first), Tag::ContextSpecific { .. }) {
        AnyRef::decode(&mut fields)?;
    }
    let _algorithm = AnyRef::decode(&mut fields)?;
    let _issuer = AnyRef::decode(&mut fields)?;
    let mut validity = SliceReader::new(AnyRef::decode(&mut fields)?.value())?;
    let _not_before = AnyRef::decode(&mut validity)?;
    let not_after = match validity.peek_header()?.tag {
        Tag::UtcTime => UtcTime::decode(&mut validity)?.to_unix_duration(),
        _ => GeneralizedTime::decode(&mut validity)?.to_unix_duration(),
    };
    let _subject = AnyRef::decode(&mut fields)?;
    Ok((not_after, fields.tlv_bytes()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rsa::traits::PublicKeyParts as _;

    const PEM: &str = include_str!("certificate.pem");

    #[test]
    fn a_certificate_of_the_controller_is_read() {
        let certificate = Certificate::from_pem(&format!("# mine\n{PEM}{PEM}"), Duration::ZERO).unwrap();
        assert_eq!(certificate.key.size(), 256);
        assert!(Certificate::from_pem(&PEM.replace('\n', "\r\n"), Duration::ZERO).is_ok());
    }

    #[test]
    fn what_is_none_is_said() {
        let damaged = PEM.replace("MII", "MIA");
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        for (text, now, part) in [
            ("", Duration::ZERO, "no certificate"),
            ("-----BEGIN PRIVATE KEY-----\nMII=\n-----END PRIVATE KEY-----", Duration::ZERO, "no certificate"),
            (&damaged, Duration::ZERO, "damaged"),
            (PEM, century, "expired"),
        ] {
            let diagnostic = Certificate::from_pem(text, now).unwrap_err();
            assert!(diagnostic.what.contains(part), "{diagnostic}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..900) {
            let _ = parts(&bytes);
            let (_, der) = pem::decode_vec(PEM.as_bytes()).unwrap();
            prop_assert!(parts(&der[..cut.min(der.len() - 1)]).is_err());
        }
    }
}
