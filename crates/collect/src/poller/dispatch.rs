//! The task that decides which device is asked next and starts its poll.

use super::memory::Memory;
use super::poll::{self, Context};
use super::stats::Counts;
use super::{Change, Orders, Target};
use crate::schedule::{Due, Ms, Schedule};
use model::DeviceId;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How often devices that wait beyond all reason are looked for, and the longest sleep.
const BEHIND_CHECK_MS: Ms = 1_000;

/// Polls until cancelled; then gives up the polls in flight and waits for their end.
pub(super) async fn run(context: Arc<Context>, cancel: CancellationToken) {
    let mut dispatch = Dispatch {
        schedule: Schedule::new(context.options.interval_min),
        context,
        started: Instant::now(),
        devices: HashMap::new(),
        flights: JoinSet::new(),
        in_flight: HashMap::new(),
        behind_checked: 0,
        full: false,
    };
    loop {
        dispatch.take_orders();
        dispatch.start_due();
        dispatch.tell_behind();
        dispatch.count();
        let shared = Arc::clone(&dispatch.context.shared);
        let wake = dispatch.wake();
        tokio::select! {
            () = cancel.cancelled() => break,
            Some(landed) = dispatch.flights.join_next_with_id() => dispatch.landed(landed),
            () = shared.ordered.notified() => {}
            () = sleep_until(wake) => {}
        }
    }
    dispatch.flights.shutdown().await;
}

struct Dispatch {
    context: Arc<Context>,
    started: Instant,
    schedule: Schedule,
    devices: HashMap<DeviceId, Device>,
    flights: JoinSet<Box<Memory>>,
    in_flight: HashMap<Id, Due>,
    behind_checked: Ms,
    /// Devices are due and there is no place for them.
    full: bool,
}

struct Device {
    target: Target,
    place: Place,
    /// It was told that the poller is behind with it; not to be told again before its next poll.
    told_behind: bool,
}

/// Where what is remembered of a device is.
// Invariant: `InFlight` exactly while a task of this device is in `flights`.
enum Place {
    Here(Box<Memory>),
    InFlight {
        abort: AbortHandle,
        /// What to do with the memory that comes back.
        then: Then,
        /// All of the device is to be read again after this poll.
        reread: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Keep,
    /// How the device is asked has changed: the session is stale.
    Reopen,
    /// It is another device now, or was removed and added again.
    Forget,
    Remove,
}

impl Dispatch {
    fn now(&self) -> Ms {
        Ms::try_from(self.started.elapsed().as_millis()).unwrap_or(Ms::MAX)
    }

    fn take_orders(&mut self) {
        let orders = &self.context.shared.orders;
        let orders: Orders =
            std::mem::take(&mut *orders.lock().unwrap_or_else(PoisonError::into_inner));
        let now = self.now();
        for (device_id, order) in orders {
            match order.change {
                Some(Change::Set(target)) => self.set(target, now),
                Some(Change::Remove) => self.remove(device_id),
                None => {}
            }
            if order.reread {
                self.reread(device_id);
            }
            if order.poll_now {
                self.schedule.hasten(device_id, now);
            }
        }
    }

    fn set(&mut self, target: Target, now: Ms) {
        let device_id = target.device_id;
        self.schedule.set(device_id, target.interval, now);
        let Some(device) = self.devices.get_mut(&device_id) else {
            let place = Place::Here(Box::default());
            let device = Device {
                target,
                place,
                told_behind: false,
            };
            self.devices.insert(device_id, device);
            return;
        };
        let change = change(&device.target, &target);
        let has_other_profile = device.target.profile != target.profile;
        device.target = target;
        match &mut device.place {
            Place::Here(memory) => {
                apply(memory, change);
                if has_other_profile {
                    memory.reread();
                }
            }
            Place::InFlight {
                abort,
                then,
                reread,
            } => {
                *reread |= has_other_profile;
                // What still answers is another device: its answers must not be kept under this one.
                if change == Then::Forget {
                    abort.abort();
                }
                *then = match (*then, change) {
                    (Then::Remove | Then::Forget, _) | (_, Then::Forget) => Then::Forget,
                    (Then::Keep, change) => change,
                    (before, _) => before,
                };
            }
        }
        if change != Then::Keep || has_other_profile {
            self.schedule.hasten(device_id, now);
        }
    }

    fn reread(&mut self, device_id: DeviceId) {
        match self.devices.get_mut(&device_id).map(|d| &mut d.place) {
            Some(Place::Here(memory)) => memory.reread(),
            Some(Place::InFlight { reread, .. }) => *reread = true,
            None => {}
        }
    }

    fn remove(&mut self, device_id: DeviceId) {
        match self.devices.get_mut(&device_id).map(|d| &mut d.place) {
            // It leaves when its poll has ended, so that one that is added again under the same id
            // cannot be polled twice at once.
            Some(Place::InFlight { abort, then, .. }) => {
                abort.abort();
                *then = Then::Remove;
            }
            Some(Place::Here(_)) => {
                self.devices.remove(&device_id);
                self.schedule.remove(device_id);
            }
            None => {}
        }
    }

    fn start_due(&mut self) {
        let now = self.now();
        let places = self.context.options.in_flight_max.max(1);
        while self.flights.len() < places {
            let Some(due) = self.schedule.take_due(now) else {
                self.full = false;
                return;
            };
            self.start(due, now);
        }
        if self.schedule.next_due().is_some_and(|at| at <= now) && !self.full {
            self.full = true;
            Counts::one(&self.context.shared.counts.in_flight_bound_hits);
        }
    }

    fn start(&mut self, due: Due, now: Ms) {
        let Some(device) = self.devices.get_mut(&due.device_id) else {
            return;
        };
        // In flight already: cannot be, since the schedule has only those that are not.
        let Place::Here(memory) = &mut device.place else {
            return;
        };
        let lag_ms = now.saturating_sub(due.at);
        self.context.shared.counts.lag(lag_ms);
        device.told_behind = false;
        let abort = self.flights.spawn(poll::run(
            Arc::clone(&self.context),
            device.target.clone(),
            std::mem::take(memory),
            Duration::from_millis(lag_ms),
        ));
        self.in_flight.insert(abort.id(), due);
        device.place = Place::InFlight {
            abort,
            then: Then::Keep,
            reread: false,
        };
    }

    fn landed(&mut self, landed: Result<(Id, Box<Memory>), JoinError>) {
        let (id, memory) = match landed {
            Ok((id, memory)) => (id, memory),
            Err(error) => {
                if error.is_panic() {
                    Counts::one(&self.context.shared.counts.panics);
                    tracing::error!(%error, "a poll ended in a panic; its device is asked anew");
                }
                (error.id(), Box::default())
            }
        };
        let now = self.now();
        let Some(due) = self.in_flight.remove(&id) else {
            return;
        };
        let Some(device) = self.devices.get_mut(&due.device_id) else {
            return;
        };
        let Place::InFlight { then, reread, .. } = device.place else {
            return;
        };
        if then == Then::Remove {
            self.devices.remove(&due.device_id);
            self.schedule.remove(due.device_id);
            return;
        }
        let mut memory = memory;
        apply(&mut memory, then);
        if reread {
            memory.reread();
        }
        let silent_polls = memory.history.silent_polls();
        device.place = Place::Here(memory);
        self.schedule
            .finished(due.device_id, due.at, silent_polls, now);
        if then != Then::Keep {
            self.schedule.hasten(due.device_id, now);
        }
    }

    /// Says `unknown` of each device that has been due for so long that its status is stale.
    fn tell_behind(&mut self) {
        let now = self.now();
        if now.saturating_sub(self.behind_checked) < BEHIND_CHECK_MS {
            return;
        }
        self.behind_checked = now;
        let mut waiting = 0usize;
        for due in self.schedule.overdue(now) {
            waiting += 1;
            let Some(device) = self.devices.get_mut(&due.device_id) else {
                continue;
            };
            let Place::Here(memory) = &device.place else {
                continue;
            };
            if !device.told_behind {
                let lag = Duration::from_millis(now.saturating_sub(due.at));
                let report = poll::behind(&self.context, &device.target, memory, lag);
                device.told_behind = report.is_some_and(|report| self.context.try_report(report));
            }
        }
        Counts::set(&self.context.shared.counts.waiting, waiting);
    }

    fn count(&self) {
        let counts = &self.context.shared.counts;
        Counts::set(&counts.devices, self.devices.len());
        Counts::set(&counts.in_flight, self.flights.len());
        let overruns = usize::try_from(self.schedule.overruns()).unwrap_or(usize::MAX);
        Counts::set(&counts.overruns, overruns);
    }

    /// When to look again if nothing happens before.
    fn wake(&self) -> Instant {
        let check = self.now().saturating_add(BEHIND_CHECK_MS);
        let next = self.schedule.next_due().filter(|_| !self.full);
        self.started + Duration::from_millis(next.map_or(check, |at| at.min(check)))
    }
}

/// What a new target means for what is remembered.
fn change(old: &Target, new: &Target) -> Then {
    let same_credentials = match (&old.credentials, &new.credentials) {
        (None, None) => true,
        (Some(old), Some(new)) => Arc::ptr_eq(old, new),
        _ => false,
    };
    if old.address != new.address {
        Then::Forget
    } else if !same_credentials || old.interval != new.interval {
        Then::Reopen
    } else {
        Then::Keep
    }
}

fn apply(memory: &mut Memory, then: Then) {
    match then {
        Then::Keep | Then::Remove => {}
        Then::Reopen => memory.session = None,
        Then::Forget => *memory = Memory::default(),
    }
}
