//! The file with the key that wraps the data key: made once with mode 0600, refused where others
//! may read it.

use super::{KEY_LEN, Key, VaultError};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Octets of a key file that are looked at: a key is 64 digits and perhaps a line end.
const FILE_LEN_MAX: usize = 256;
/// Permission bits of which a key file may have none: group and others.
const EXPOSED: u32 = 0o077;

/// Reads a key file; none where there is no such file.
pub fn read(path: &Path) -> Result<Option<Key>, VaultError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed("opening", path, e)),
    };
    let mode = file
        .metadata()
        .map_err(|e| failed("looking at", path, e))?
        .permissions()
        .mode()
        & 0o7777;
    if mode & EXPOSED != 0 {
        return Err(VaultError::KeyExposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_LEN_MAX));
    file.take(FILE_LEN_MAX as u64)
        .read_to_end(&mut text)
        .map_err(|e| failed("reading", path, e))?;
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    hex::decode_to_slice(text.trim_ascii(), bytes.as_mut()).map_err(|_| {
        VaultError::KeyMalformed {
            path: path.to_owned(),
        }
    })?;
    Ok(Some(Key::from_bytes(*bytes)))
}

/// Makes a key and its file, synced before it is used. Fails where the file is there already.
pub fn make(path: &Path) -> Result<Key, VaultError> {
    let key = Key::random()?;
    let text = Zeroizing::new(format!("{}\n", *Zeroizing::new(hex::encode(key.0))));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| failed("making", path, e))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|e| failed("writing", path, e))?;
    if let Some(folder) = path.parent() {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|e| failed("syncing the folder of", path, e))?;
    }
    Ok(key)
}

fn failed(operation: &'static str, path: &Path, source: std::io::Error) -> VaultError {
    VaultError::KeyFile {
        operation,
        path: path.to_owned(),
        source: Arc::new(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn made_private_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret.key");
        assert!(read(&path).unwrap().is_none());
        let made = make(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        assert_eq!(read(&path).unwrap().unwrap().0, made.0);
        assert!(make(&path).is_err(), "a key is never overwritten");
    }

    #[test]
    fn refused_where_others_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret.key");
        make(&path).unwrap();
        for (mode, exposed) in [(0o640, true), (0o604, true), (0o400, false), (0o600, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = matches!(read(&path), Err(VaultError::KeyExposed { .. }));
            assert_eq!(refused, exposed, "{mode:o}");
        }
    }

    #[test]
    fn refused_where_it_is_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret.key");
        for (text, good) in [
            ("00".repeat(32), true),
            (format!("{}\n", "Ff".repeat(32)), true),
            ("00".repeat(31), false),
            ("00".repeat(33), false),
            ("zz".repeat(32), false),
            (String::new(), false),
            ("00".repeat(4000), false),
        ] {
            fs::write(&path, &text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert_eq!(read(&path).is_ok(), good, "{} digits", text.len());
        }
    }
}
