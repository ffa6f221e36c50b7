//! The keys and certificates of one cluster: a certificate authority, serving and client certificates, the key pair of
//! the service accounts. They live as long as the cluster; nothing else may trust them.

use crate::error::{Context as _, Error};
use base64::Engine as _;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A certificate authority with the directory its files are written to.
pub(crate) struct Pki {
    dir: PathBuf,
    ca_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    /// A new authority, and the key pair of the service accounts, in `dir`.
    pub(crate) fn create(dir: &Path) -> Result<Self, Error> {
        let failed = || "Cannot make the cluster's certificate authority";
        let key = KeyPair::generate().context(failed)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name("", "testbed-ca");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let ca_pem = params.self_signed(&key).context(failed)?.pem();
        write(&dir.join("ca.crt"), &ca_pem)?;
        write(&dir.join("ca.key"), &key.serialize_pem())?;
        let accounts = KeyPair::generate().context(|| "Cannot make the key of the service accounts")?;
        write(&dir.join("sa.key"), &accounts.serialize_pem())?;
        write(&dir.join("sa.pub"), &accounts.public_key_pem())?;
        Ok(Self { dir: dir.to_owned(), ca_pem, issuer: Issuer::new(params, key) })
    }

    /// Writes `<file>.crt` and `<file>.key` of a server with these names and addresses.
    pub(crate) fn server(&self, file: &str, common_name: &str, names: &[&str], ips: &[IpAddr]) -> Result<(), Error> {
        let mut params = CertificateParams::new(names.iter().map(|&n| n.to_owned()).collect::<Vec<_>>())
            .context(|| format!("Cannot name the certificate {file}"))?;
        params.subject_alt_names.extend(ips.iter().map(|&ip| SanType::IpAddress(ip)));
        self.issue(file, params, name("", common_name), ExtendedKeyUsagePurpose::ServerAuth).map(|_| ())
    }

    /// Writes `<file>.crt` and `<file>.key` of a client and returns its kubeconfig for `server`, all keys embedded.
    pub(crate) fn client(
        &self,
        file: &str,
        organization: &str,
        common_name: &str,
        server: &str,
    ) -> Result<String, Error> {
        let (cert, key) = self.issue(
            file,
            CertificateParams::default(),
            name(organization, common_name),
            ExtendedKeyUsagePurpose::ClientAuth,
        )?;
        let b64 = |pem: &str| base64::engine::general_purpose::STANDARD.encode(pem);
        Ok(format!(
            "apiVersion: v1
kind: Config
current-context: testbed
clusters:
- name: testbed
  cluster:
    server: {server}
    certificate-authority-data: {}
users:
- name: {file}
  user:
    client-certificate-data: {}
    client-key-data: {}
contexts:
- name: testbed
  context: {{cluster: testbed, user: {file}, namespace: default}}
",
            b64(&self.ca_pem),
            b64(&cert),
            b64(&key)
        ))
    }

    fn issue(
        &self,
        file: &str,
        mut params: CertificateParams,
        subject: DistinguishedName,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<(String, String), Error> {
        let failed = || format!("Cannot make the certificate {file}");
        let key = KeyPair::generate().context(failed)?;
        params.distinguished_name = subject;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let cert = params.signed_by(&key, &self.issuer).context(failed)?.pem();
        let key = key.serialize_pem();
        write(&self.dir.join(format!("{file}.crt")), &cert)?;
        write(&self.dir.join(format!("{file}.key")), &key)?;
        Ok((cert, key))
    }
}

fn name(organization: &str, common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    if !organization.is_empty() {
        name.push(DnType::OrganizationName, organization);
    }
    name.push(DnType::CommonName, common_name);
    name
}

/// Writes a file that only its owner may read.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o600)))
        .context(|| format!("Cannot write {}", path.display()))
}
