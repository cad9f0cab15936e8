//! A thread that waits at one socket and does nothing else. A task of a shared runtime would be woken by
//! nearly every packet, and wait behind what else runs there.

use std::future::Future;
use std::io;
use std::net;
use std::thread::{self, JoinHandle};
use tokio::net::UdpSocket;
use tokio::runtime::Builder;

/// Starts one that ends with what `run` makes of the socket, which does not block. An error where the
/// system gives no thread, or the socket cannot be waited at.
pub(crate) fn start<F>(
    name: &str,
    socket: net::UdpSocket,
    run: impl FnOnce(UdpSocket) -> F + Send + 'static,
) -> io::Result<JoinHandle<()>>
where
    F: Future<Output = ()>,
{
    let (told, ready) = std::sync::mpsc::channel();
    // The runtime is made and ends there: it must not end within another.
    let thread = thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let made = Builder::new_current_thread().enable_all().build();
            let made = made.and_then(|runtime| {
                let here = runtime.enter();
                let socket = UdpSocket::from_std(socket)?;
                drop(here);
                Ok((runtime, socket))
            });
            let (runtime, socket) = match made {
                Ok(made) => made,
                Err(error) => {
                    let _ = told.send(Err(error));
                    return;
                }
            };
            if told.send(Ok(())).is_ok() {
                runtime.block_on(run(socket));
            }
        })?;
    let ended = |_| Err(io::Error::other("its thread has ended"));
    ready.recv().unwrap_or_else(ended)?;
    Ok(thread)
}
