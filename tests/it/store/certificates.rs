//! Certificates as operators make them, in files of a folder that is gone when the test ends.
//!
//! In: nothing. Out: paths of PEM files. `NAME.pem` has a certificate, and `NAME.key` its key.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair,
};
use tempfile::TempDir;

pub(crate) struct Certificates(TempDir);

/// For a server or client of this name, which listens at 127.0.0.1.
fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Certificates {
    /// The authority `ca` and another one, `other`; `server` and `client` of the first; `lone`, which is signed by itself and marked as that of
    /// an authority, as `openssl req -x509` makes it, and `leaf`, which is not so marked; `expired`, which is like `lone`.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A server may run as another user.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let made = Self(folder);
        let authority = |name: &str| {
            let mut params = named(name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
        };
        let (ca, other) = (authority("ca"), authority("other"));
        made.write("ca", &ca.pem(), ca.key());
        made.write("other", &other.pem(), other.key());
        for name in ["server", "client"] {
            let mut params = named(name);
            params.extended_key_usages =
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
            let key = KeyPair::generate().unwrap();
            made.write(name, &params.signed_by(&key, &ca).unwrap().pem(), &key);
        }
        for (name, is_ca, year) in [
            ("lone", IsCa::Ca(BasicConstraints::Unconstrained), 4000),
            ("leaf", IsCa::ExplicitNoCa, 4000),
            ("expired", IsCa::Ca(BasicConstraints::Unconstrained), 2000),
        ] {
            let mut params = named(name);
            params.is_ca = is_ca;
            params.not_after = rcgen::date_time_ymd(year, 1, 1);
            let key = KeyPair::generate().unwrap();
            made.write(name, &params.self_signed(&key).unwrap().pem(), &key);
        }
        made
    }

    fn write(&self, name: &str, certificate: &str, key: &KeyPair) {
        fs::write(self.path(&format!("{name}.pem")), certificate).unwrap();
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub(crate) fn file(&self, file: &str) -> String {
        self.path(file).to_str().unwrap().to_owned()
    }

    /// Copies a certificate and its key into the folder of a server, whose user becomes the owner.
    pub(crate) fn copy(&self, name: &str, folder: &Path) {
        let owner = fs::metadata(folder).unwrap();
        for (from, to) in [("pem", "server.crt"), ("key", "server.key")] {
            let to = folder.join(to);
            fs::copy(self.path(&format!("{name}.{from}")), &to).unwrap();
            chown(&to, Some(owner.uid()), Some(owner.gid())).unwrap();
            fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}
