//! What this process uses, from `/proc/self`. Absent where there is no such file system.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// CPU time used by the process so far, in seconds, of all its threads.
pub fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold spaces; utime and stime are fields 14 and 15 (proc(5)).
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let utime: f64 = fields.next()?.parse().ok()?;
    let stime: f64 = fields.next()?.parse().ok()?;
    Some((utime + stime) / TICKS_PER_SECOND)
}

/// USER_HZ, which is 100 on every architecture that Linux shows to programs (time(7)).
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of the calling thread, in nanoseconds.
pub fn thread_cpu_nanos() -> Option<u64> {
    scheduled(Path::new("/proc/thread-self"))
}

/// The name and the CPU time in nanoseconds of each thread there is.
pub fn threads_cpu_nanos() -> Vec<(String, u64)> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let told = threads.filter_map(|thread| {
        let path = thread.ok()?.path();
        let name = fs::read_to_string(path.join("comm")).ok()?;
        Some((name.trim_end().to_owned(), scheduled(&path)?))
    });
    told.collect()
}

/// Nanoseconds on a processor: the first number of schedstat (kernel, sched-stats).
fn scheduled(thread: &Path) -> Option<u64> {
    let told = fs::read_to_string(thread.join("schedstat")).ok()?;
    told.split_whitespace().next()?.parse().ok()
}

/// Memory of the process that is in RAM, in octets.
pub fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// Open file descriptors of the process.
pub fn open_fds() -> Option<u64> {
    let entries = fs::read_dir("/proc/self/fd").ok()?.count();
    // Reading the list holds one itself.
    Some(entries.saturating_sub(1) as u64)
}

/// Datagrams that the kernel has dropped since a buffer was full, at UDP sockets of this process: by
/// the address of those that are named, and together at all others. Those come and go with each
/// question at a port of the system's choosing, and told apart they would be series without bound.
#[derive(Debug)]
pub struct UdpDropped {
    named: BTreeSet<SocketAddr>,
    others: Mutex<Others>,
}

/// What was dropped at sockets that are not named, also at those that are closed: it never goes down.
// Invariant: `last` has the sockets that were open at the latest look.
#[derive(Debug, Default)]
struct Others {
    total: u64,
    last: HashMap<u64, u64>,
}

impl UdpDropped {
    /// Tells these sockets apart.
    pub fn new(named: BTreeSet<SocketAddr>) -> Self {
        Self {
            named,
            others: Mutex::default(),
        }
    }

    /// What was dropped by now; none are all others. Named sockets that are closed are not in it, and
    /// no named one is where the system does not tell.
    pub fn look(&self) -> BTreeMap<Option<SocketAddr>, u64> {
        // First, so that an older look does not come after a newer one.
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let mut dropped = BTreeMap::new();
        let (Some(ours), Some(tables)) = (socket_inodes(), udp_tables()) else {
            dropped.insert(None, others.total);
            return dropped;
        };
        let mut last = HashMap::new();
        for table in tables {
            let rows = table.lines().skip(1).filter_map(udp_row);
            for (address, inode, count) in rows.filter(|(_, inode, _)| ours.contains(inode)) {
                if self.named.contains(&address) {
                    *dropped.entry(Some(address)).or_default() += count;
                    continue;
                }
                let before = others.last.get(&inode).copied().unwrap_or(0);
                // A number that is less is another socket's, of the same inode.
                others.total += count.checked_sub(before).unwrap_or(count);
                last.insert(inode, count);
            }
        }
        others.last = last;
        dropped.insert(None, others.total);
        dropped
    }
}

/// The tables of UDP sockets, of IPv4 and, where the machine has it, of IPv6.
fn udp_tables() -> Option<[String; 2]> {
    let v4 = fs::read_to_string("/proc/self/net/udp").ok()?;
    let v6 = fs::read_to_string("/proc/self/net/udp6");
    match v6 {
        Ok(v6) => Some([v4, v6]),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some([v4, String::new()]),
        Err(_) => None,
    }
}

/// The sockets of this process.
fn socket_inodes() -> Option<HashSet<u64>> {
    let files = fs::read_dir("/proc/self/fd").ok()?;
    let inodes = files.filter_map(|file| {
        let target = fs::read_link(file.ok()?.path()).ok()?;
        let inode = target.to_str()?.strip_prefix("socket:[")?;
        inode.strip_suffix(']')?.parse().ok()
    });
    Some(inodes.collect())
}

/// The local address, the inode and the drops of a row of /proc/net/udp or udp6 (proc(5)): columns 2,
/// 10 and the last. Addresses are in hexadecimal, in words of 32 bits as this machine has them.
fn udp_row(row: &str) -> Option<(SocketAddr, u64, u64)> {
    let mut columns = row.split_ascii_whitespace().skip(1);
    let (address, port) = columns.next()?.split_once(':')?;
    let inode = columns.nth(7)?.parse().ok()?;
    let dropped = columns.last()?.parse().ok()?;
    let words = (0..address.len()).step_by(8).map(|at| {
        let word = u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    });
    let octets = words.collect::<Option<Vec<_>>>()?.concat();
    let address = match octets.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?)),
        _ => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?)),
    };
    let port = u16::from_str_radix(port, 16).ok()?;
    Some((SocketAddr::new(address, port), inode, dropped))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_tells() {
        assert!(cpu_seconds().is_some());
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
        assert!(open_fds().is_some_and(|fds| fds >= 3));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_a_full_socket_drops_is_counted_at_its_address() {
        let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = deaf.local_addr().unwrap();
        let (named, none) = (
            UdpDropped::new([address].into()),
            UdpDropped::new(BTreeSet::new()),
        );
        let at = |dropped: &UdpDropped, address| dropped.look().get(&address).copied();
        assert_eq!(at(&named, Some(address)), Some(0));
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..2_000 {
            sender.send_to(&[0; 1_000], address).unwrap();
        }
        assert!(at(&named, Some(address)) > Some(0));
        // One that is not named makes no series of its own, and takes nothing with it when it closes.
        assert_eq!(at(&none, Some(address)), None);
        let others = at(&none, None);
        assert!(others > Some(0));
        drop(deaf);
        assert_eq!(at(&named, Some(address)), None);
        assert!(at(&none, None) >= others);
    }

    #[test]
    fn rows_of_both_families_are_read() {
        let rest = "00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 7712 2 0 31";
        // As a little-endian machine writes them.
        for (address, read) in [
            ("0100007F:A1E5", "127.0.0.1:41445"),
            ("B80D0120000000000000000001000000:0202", "[2001:db8::1]:514"),
        ] {
            let row = format!(" 511: {address} {rest}");
            let (found, inode, dropped) = udp_row(&row).unwrap();
            if cfg!(target_endian = "little") {
                assert_eq!(found, read.parse().unwrap());
            }
            assert_eq!((inode, dropped), (7712, 31));
        }
        assert_eq!(udp_row("  sl  local_address rem_address"), None);
    }
}
