//! Where days that are over are archived.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Where days that are over are archived, as Parquet. None are until a folder or a bucket is named. The
/// keys of an object store are read of `FORETELL_ARCHIVE_S3_ACCESS_KEY_ID`,
/// `FORETELL_ARCHIVE_S3_SECRET_ACCESS_KEY` and, where they are given for a time,
/// `FORETELL_ARCHIVE_S3_SESSION_TOKEN`, or of files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ArchiveSettings {
    /// Folder of the archive, for it alone and outside of `data_dir`: best on another disk. Empty: none.
    #[schemars(with = "String")]
    pub folder: PathBuf,
    /// Address of an S3-compatible object store, as `https://s3.example.net`. Empty: Amazon's.
    pub s3_endpoint: String,
    /// Bucket of the archive, which is there. Empty: none.
    pub s3_bucket: String,
    /// What the names of all that is put into the bucket begin with, as `foretell/north`.
    pub s3_prefix: String,
    /// Region of the bucket; where the store knows none, any will do.
    pub s3_region: String,
    /// Whether plain HTTP is spoken where `s3_endpoint` begins with `http:`. What is sent can be read on
    /// its way; the keys are not sent.
    pub s3_allow_http: bool,
    /// Whether each request carries a checksum that the store checks. Not all take it.
    pub s3_checksums: bool,
    /// Who asks: whoever has the keys, or this machine, as the cloud that it runs in says.
    pub s3_credentials: S3Credentials,
    /// File with the id of the key. The environment variable goes before it.
    #[schemars(with = "String")]
    pub s3_key_file: PathBuf,
    /// File with the secret of the key. The environment variable goes before it.
    #[schemars(with = "String")]
    pub s3_secret_file: PathBuf,
    /// Days from the end of a UTC day until it is archived: what comes late meanwhile is in it.
    #[schemars(range(min = 1, max = 365))]
    pub after_days: u32,
    /// Octets of the archive that are kept in memory for the next who reads.
    #[schemars(range(min = 4_194_304, max = 17_179_869_184_u64))]
    pub cache_bytes_max: u64,
    /// Octets a second that are written to the archive at most, about. 0: as fast as it goes.
    #[schemars(range(min = 0, max = 107_374_182_400_u64))]
    pub bytes_per_sec_max: u64,
}

/// Who asks an object store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum S3Credentials {
    /// Whoever has the keys.
    Keys,
    /// This machine, as the cloud that it runs in says.
    Instance,
}

impl Default for ArchiveSettings {
    fn default() -> Self {
        Self {
            folder: PathBuf::new(),
            s3_endpoint: String::new(),
            s3_bucket: String::new(),
            s3_prefix: String::new(),
            s3_region: "us-east-1".to_owned(),
            s3_allow_http: false,
            s3_checksums: false,
            s3_credentials: S3Credentials::Keys,
            s3_key_file: PathBuf::new(),
            s3_secret_file: PathBuf::new(),
            after_days: store::archive::AFTER_DAYS_DEFAULT,
            cache_bytes_max: store::archive::CACHE_BYTES_DEFAULT,
            bytes_per_sec_max: 0,
        }
    }
}

impl ArchiveSettings {
    /// Whether there is an archive.
    pub fn is_set(&self) -> bool {
        !self.folder.as_os_str().is_empty() || !self.s3_bucket.is_empty()
    }

    /// What is wrong with them together, and at which key.
    pub(super) fn check(&self, data_dir: &Path) -> Result<(), (&'static str, String)> {
        let has_folder = !self.folder.as_os_str().is_empty();
        if has_folder && !self.s3_bucket.is_empty() {
            let detail = "there is one archive: name a folder or `archive.s3_bucket`".to_owned();
            return Err(("archive.folder", detail));
        }
        if has_folder && is_within(&self.folder, data_dir) {
            let detail = "it lies in `data_dir`, which it is to outlive".to_owned();
            return Err(("archive.folder", detail));
        }
        if self.s3_endpoint.starts_with("http:") && !self.s3_allow_http {
            let detail = "set `archive.s3_allow_http` where plain HTTP is meant".to_owned();
            return Err(("archive.s3_endpoint", detail));
        }
        if self.s3_endpoint.contains('@') {
            // It is shown, and logged.
            let detail =
                "keys do not belong into the address: see `archive.s3_key_file`".to_owned();
            return Err(("archive.s3_endpoint", detail));
        }
        let known = ["http:", "https:"];
        let is_address = known.iter().any(|way| self.s3_endpoint.starts_with(way));
        if !self.s3_endpoint.is_empty() && !is_address {
            let detail = format!(
                "`{}` is no address, as https://s3.example.net is",
                self.s3_endpoint
            );
            return Err(("archive.s3_endpoint", detail));
        }
        Ok(())
    }
}

/// Whether a path is a folder or lies in it, as far as both are there.
fn is_within(path: &Path, folder: &Path) -> bool {
    let whole = |path: &Path| {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // What is not there yet lies where its nearest folder does.
        for known in absolute.ancestors() {
            if let Ok(real) = known.canonicalize() {
                let rest = absolute.strip_prefix(known).unwrap_or(Path::new(""));
                return real.join(rest);
            }
        }
        absolute
    };
    whole(path).starts_with(whole(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_go_together_is_told_with_its_key() {
        let data = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let settings = |change: &dyn Fn(&mut ArchiveSettings)| {
            let mut settings = ArchiveSettings::default();
            change(&mut settings);
            settings.check(data.path()).map_err(|(key, _)| key)
        };
        assert_eq!(settings(&|_| {}), Ok(()));
        let outside = elsewhere.path().join("archive");
        assert_eq!(settings(&|of| of.folder.clone_from(&outside)), Ok(()));
        for inside in [data.path().to_owned(), data.path().join("a/b")] {
            let refused = settings(&|of| of.folder.clone_from(&inside));
            assert_eq!(refused, Err("archive.folder"), "{}", inside.display());
        }
        let link = elsewhere.path().join("link");
        std::os::unix::fs::symlink(data.path(), &link).unwrap();
        let refused = settings(&|of| of.folder = link.join("archive"));
        assert_eq!(refused, Err("archive.folder"));
        let both = settings(&|of| {
            of.folder.clone_from(&outside);
            of.s3_bucket = "samples".to_owned();
        });
        assert_eq!(both, Err("archive.folder"));
        for (endpoint, allow_http, expected) in [
            ("https://s3.example.net", false, Ok(())),
            ("http://127.0.0.1:9000", true, Ok(())),
            ("http://127.0.0.1:9000", false, Err("archive.s3_endpoint")),
            ("s3.example.net", true, Err("archive.s3_endpoint")),
            (
                "https://key:secret@s3.example.net",
                false,
                Err("archive.s3_endpoint"),
            ),
        ] {
            let told = settings(&|of| {
                of.s3_bucket = "samples".to_owned();
                of.s3_endpoint = endpoint.to_owned();
                of.s3_allow_http = allow_http;
            });
            assert_eq!(told, expected, "{endpoint}");
        }
    }
}
