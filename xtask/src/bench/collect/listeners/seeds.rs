//! What is mutated: the corpus of the fuzz targets, taken out of the framing that these have for it, and
//! traps of net-snmp, which are sealed anew from time to time.

use crate::programs::{root, run};
use anyhow::{Context as _, bail};
use std::fs;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The user of the credential, with authentication and privacy, and the one without: as in
/// `fuzz/src/snmp_wire.rs`, so that what of the corpus is sealed for them can be opened.
pub(super) const USER: &str = "whole";
pub(super) const PHRASE: &str = "a phrase of the test";
pub(super) const PLAIN_USER: &str = "plain";
/// How long snmptrap may take to send.
const SENT_WITHIN: Duration = Duration::from_secs(5);
/// The longest datagram.
const DATAGRAM_LEN_MAX: usize = 65_535;

/// What a port takes.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// Lines of logs, a datagram each.
    Line,
    /// Lines of logs in a stream.
    Frames,
    Notification,
    Netflow,
    Sflow,
}

impl Form {
    /// Its folder of `fuzz/corpus`.
    fn folder(self) -> &'static str {
        match self {
            Self::Line => "syslog_line",
            Self::Frames => "syslog_frames",
            Self::Notification => "snmp_notification",
            Self::Netflow => "flow_netflow",
            Self::Sflow => "flow_sflow",
        }
    }

    /// What goes over the wire of an input of its fuzz target.
    fn unframed(self, input: &[u8]) -> Vec<Vec<u8>> {
        match self {
            Self::Line => vec![input.to_vec()],
            // The size of the pieces (`fuzz/src/syslog.rs`), and the moment (`fuzz/src/snmp_wire.rs`).
            Self::Frames | Self::Notification => {
                vec![input.get(1..).unwrap_or_default().to_vec()]
            }
            Self::Netflow => datagrams(input, finish_netflow),
            Self::Sflow => datagrams(input, finish_sflow),
        }
    }

    /// The corpus of its fuzz target, as it goes over the wire.
    pub(super) fn seeds(self) -> anyhow::Result<Vec<Vec<u8>>> {
        let folder = root().join("fuzz/corpus").join(self.folder());
        let mut seeds = Vec::new();
        for file in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            seeds.extend(self.unframed(&fs::read(file?.path())?));
        }
        seeds.retain(|seed| !seed.is_empty());
        Ok(seeds)
    }
}

/// The datagrams of an input, each with what `finish` puts before it: `run` of `fuzz/src/flow.rs`.
fn datagrams(mut input: &[u8], finish: fn(u8, &mut Vec<u8>)) -> Vec<Vec<u8>> {
    let mut datagrams = Vec::new();
    while let Some((&[kind, short], rest)) = input.split_first_chunk() {
        let len = usize::from(short) | usize::from(kind >> 7) << 8;
        let (datagram, rest) = rest.split_at(len.min(rest.len()));
        let mut datagram = datagram.to_vec();
        finish(kind, &mut datagram);
        datagrams.push(datagram);
        input = rest;
    }
    datagrams
}

/// `netflow` of `fuzz/src/flow.rs`: the version, and of IPFIX the length.
fn finish_netflow(kind: u8, datagram: &mut Vec<u8>) {
    let version = match kind % 4 {
        0 => 10,
        1 => 9,
        2 => 5,
        _ => return,
    };
    datagram.splice(..0, [0, version]);
    if version == 10 && kind & 0x10 == 0 {
        let len = u16::try_from(datagram.len() + 2).unwrap_or(u16::MAX);
        datagram.splice(2..2, len.to_be_bytes());
    }
}

/// `sflow` of `fuzz/src/flow.rs`: the version, and the kind of address.
fn finish_sflow(kind: u8, datagram: &mut Vec<u8>) {
    if kind % 4 != 3 {
        datagram.splice(..0, [0, 0, 0, 5, 0, 0, 0, 1 + kind % 2]);
    }
}

/// Traps that net-snmp sends at this moment: by community, by the plain user, and sealed by the other.
/// What is sealed is believed for 150 s (RFC 3414, 3.2): it is of an engine that nobody has heard of, and
/// its time stands still.
pub(super) fn traps(folder: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let sealed = [
        "-v3", "-l", "authPriv", "-u", USER, "-a", "SHA", "-A", PHRASE, "-x", "AES", "-X", PHRASE,
    ];
    let plain = ["-v3", "-l", "noAuthNoPriv", "-u", PLAIN_USER];
    let ways: [&[&str]; 3] = [&sealed, &plain, &["-v2c", "-c", super::COMMUNITY]];
    ways.iter().map(|way| trap(folder, way)).collect()
}

fn trap(folder: &Path, way: &[&str]) -> anyhow::Result<Vec<u8>> {
    // Of a folder that is empty it makes an engine of its own.
    let kept = folder.join("net-snmp");
    match fs::remove_dir_all(&kept) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => fs::create_dir_all(&kept)?,
    }
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(SENT_WITHIN))?;
    run(Command::new("snmptrap")
        .args(way)
        .arg(socket.local_addr()?.to_string())
        .args(["4242", "1.3.6.1.6.3.1.1.5.3"])
        .args(["1.3.6.1.2.1.2.2.1.1.17", "i", "17"])
        .args(["1.3.6.1.2.1.2.2.1.8.17", "i", "2"])
        .env("SNMP_PERSISTENT_DIR", &kept)
        .env("SNMPCONFPATH", &kept)
        .env("MIBS", "")
        .stderr(Stdio::null()))?;
    let mut datagram = vec![0; DATAGRAM_LEN_MAX];
    let len = socket.recv(&mut datagram).context("what snmptrap sends")?;
    datagram.truncate(len);
    Ok(datagram)
}

/// Makes a certificate for localhost, and the key of it: `certificate.pem` and `key.pem`.
pub(super) fn certificate(folder: &Path) -> anyhow::Result<()> {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec"])
        .args(["-pkeyopt", "ec_paramgen_curve:P-256"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .arg("-keyout")
        .arg(folder.join("key.pem"))
        .arg("-out")
        .arg(folder.join("certificate.pem"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("could not start openssl")?;
    if !made.success() {
        bail!("openssl ended with {made}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: Form, sound: impl Fn(&[u8]) -> bool, least: usize) {
        let seeds = form.seeds().unwrap();
        let sound = seeds.iter().filter(|seed| sound(seed)).count();
        assert!(sound >= least, "{}: {sound} of {seeds:?}", form.folder());
    }

    #[test]
    fn seeds_are_what_goes_over_the_wire() {
        let ipfix = |seed: &[u8]| {
            let len = seed
                .get(2..4)
                .map(|len| u16::from_be_bytes([len[0], len[1]]));
            seed.starts_with(&[0, 10]) && len.map(usize::from) == Some(seed.len())
        };
        check(Form::Netflow, ipfix, 4);
        check(Form::Netflow, |seed| seed.starts_with(&[0, 9]), 2);
        check(Form::Netflow, |seed| seed.starts_with(&[0, 5, 0, 1]), 1);
        check(Form::Sflow, |seed| seed.starts_with(&[0, 0, 0, 5]), 3);
        // A sequence of BER.
        check(Form::Notification, |seed| seed.starts_with(&[0x30]), 8);
        check(Form::Frames, |seed| seed.starts_with(b"20 <13>1 "), 1);
        check(Form::Line, |seed| seed.starts_with(b"<"), 3);
    }
}
