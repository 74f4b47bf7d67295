//! The one count of the bytes that a run holds, and their limit.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::Error;

/// Counts the bytes that a run holds: workspaces, decoded pixels, intermediates, buffers of sinks.
///
/// Workspaces are bounded when they are made: each worker may use its share, and all shares are set aside. Everything else is reserved before it is allocated, and refused where the limit does not allow it.
#[derive(Debug)]
pub(crate) struct MemoryTracker {
    budget: Budget,
    /// Bytes reserved by everything that is not a workspace.
    reserved: AtomicU64,
    /// All bytes held now, and the most so far.
    held: AtomicU64,
    peak: AtomicU64,
}

/// How a memory limit is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Bytes that may be held at once; `None`: any number.
    pub(crate) limit: Option<u64>,
    /// Threads that have a workspace.
    pub(crate) workers: usize,
    /// Whether backgrounds are matched.
    pub(crate) matching: bool,
}

/// Bytes that a workspace may take where no limit says otherwise.
const SHARE: u64 = 96 << 20;
/// Bytes without which a worker cannot work.
const MIN_SHARE: u64 = 1 << 20;

impl Budget {
    /// Bytes that each worker may use: together at most half of the limit.
    ///
    /// # Errors
    /// [`Error::Memory`] if that is too little to work with.
    pub(crate) fn share(&self) -> Result<usize, Error> {
        let Some(limit) = self.limit else { return Ok(SHARE as usize) };
        let workers = self.workers.max(1) as u64;
        let share = limit / 2 / workers;
        if share < MIN_SHARE {
            let what = format!("work on {workers} threads");
            let needed = 2 * MIN_SHARE * workers;
            return Err(Error::Memory { what, needed, limit, remedy: "use fewer threads".to_owned() });
        }
        Ok(share.min(SHARE) as usize)
    }

    /// Bytes that the differences between overlapping inputs may take while backgrounds are matched: a quarter of the limit.
    pub(crate) fn differences(&self) -> Option<u64> {
        self.limit.filter(|_| self.matching).map(|limit| limit / 4)
    }

    /// Bytes that are left for everything else: decoded inputs, intermediates, sinks.
    fn rest(&self) -> u64 {
        let Some(limit) = self.limit else { return u64::MAX };
        let workspaces = (SHARE * self.workers as u64).min(limit / 2);
        limit - workspaces - self.differences().unwrap_or(0)
    }

    /// The smallest limit that leaves so many bytes for everything else.
    fn limit_for(&self, bytes: u64) -> u64 {
        let workspaces = SHARE * self.workers as u64;
        let (small, large) = if self.matching {
            (bytes.saturating_mul(4), bytes.saturating_add(workspaces).saturating_mul(4).div_ceil(3))
        } else {
            (bytes.saturating_mul(2), bytes.saturating_add(workspaces))
        };
        small.min(large)
    }
}

impl MemoryTracker {
    pub(crate) fn new(budget: Budget) -> Arc<MemoryTracker> {
        Arc::new(MemoryTracker {
            budget,
            reserved: AtomicU64::new(0),
            held: AtomicU64::new(0),
            peak: AtomicU64::new(0),
        })
    }

    /// One without a limit.
    pub(crate) fn unlimited() -> Arc<MemoryTracker> {
        MemoryTracker::new(Budget { limit: None, workers: 1, matching: false })
    }

    /// Bytes that can still be reserved.
    pub(crate) fn available(&self) -> u64 {
        self.budget.rest().saturating_sub(self.reserved.load(Ordering::Relaxed))
    }

    /// Reserves bytes; `None` if the limit does not allow it.
    pub(crate) fn try_reserve(self: &Arc<Self>, bytes: u64) -> Option<Reservation> {
        let room = self.budget.rest();
        let add = |reserved: u64| reserved.checked_add(bytes).filter(|all| *all <= room);
        self.reserved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        self.count(0, bytes);
        Some(Reservation { tracker: Arc::clone(self), bytes, limited: true })
    }

    /// Reserves bytes.
    ///
    /// # Errors
    /// [`Error::Memory`] if the limit does not allow it: what needs them, and what else would help.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: u64, what: &str, remedy: &str) -> Result<Reservation, Error> {
        self.try_reserve(bytes).ok_or_else(|| Error::Memory {
            what: what.to_owned(),
            needed: self.budget.limit_for(bytes.saturating_add(self.reserved.load(Ordering::Relaxed))),
            limit: self.budget.limit.unwrap_or(0),
            remedy: remedy.to_owned(),
        })
    }

    /// A workspace, which holds nothing yet. What it holds lies within what is set aside.
    pub(crate) fn workspace(self: &Arc<Self>) -> Reservation {
        Reservation { tracker: Arc::clone(self), bytes: 0, limited: false }
    }

    /// The most bytes held at any time so far.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Counts what many threads hold together of what is set aside: from `before` to `now` bytes.
    pub(crate) fn count(&self, before: u64, now: u64) {
        let change = now.wrapping_sub(before);
        let all = self.held.fetch_add(change, Ordering::Relaxed).wrapping_add(change);
        self.peak.fetch_max(all, Ordering::Relaxed);
    }
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    tracker: Arc<MemoryTracker>,
    bytes: u64,
    /// Whether they count against the limit, and not against what is set aside for workspaces.
    limited: bool,
}

impl Reservation {
    /// Changes the number of bytes of a workspace.
    pub(crate) fn set(&mut self, bytes: usize) {
        let bytes = bytes as u64;
        self.tracker.count(self.bytes, bytes);
        if self.limited {
            self.tracker.reserved.fetch_add(bytes.wrapping_sub(self.bytes), Ordering::Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_holds_for_all_that_is_reserved() {
        let memory = MemoryTracker::new(Budget { limit: Some(1000), workers: 2, matching: false });
        assert_eq!(memory.available(), 500);
        let first = memory.try_reserve(400).unwrap();
        assert!(memory.try_reserve(101).is_none());
        let error = memory.reserve(101, "a test", "do less").unwrap_err();
        assert!(matches!(error, Error::Memory { needed: 1002, limit: 1000, .. }), "{error}");
        let mut workspace = memory.workspace();
        workspace.set(500);
        drop(first);
        assert_eq!(memory.available(), 500);
        let _second = memory.try_reserve(500).unwrap();
        assert_eq!(memory.peak(), 1000);
    }

    #[test]
    fn the_limit_asked_for_is_the_smallest_that_does() {
        for matching in [false, true] {
            for bytes in [1_u64, 1000, 1 << 26, 1 << 27, 1 << 28, 1 << 40] {
                let rest = |limit: u64| Budget { limit: Some(limit), workers: 2, matching }.rest();
                let needed = Budget { limit: Some(0), workers: 2, matching }.limit_for(bytes);
                assert!(rest(needed) >= bytes, "{bytes}");
                assert!(rest(needed.saturating_sub(needed / 100 + 4)) < bytes || bytes == 1, "{bytes}: {needed}");
            }
        }
    }

    #[test]
    fn without_a_limit_bytes_are_counted_only() {
        let memory = MemoryTracker::unlimited();
        let _held = memory.try_reserve(1 << 50).unwrap();
        assert_eq!((memory.available(), memory.peak()), (u64::MAX - (1 << 50), 1 << 50));
    }
}
