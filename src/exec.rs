//! What a run has to work with: threads, memory, decoded pixels, and the count of what still has to be read.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::{
    Error, Intermediate, MatchBackground, Options,
    input::InputReader,
    memory::{Budget, MemoryTracker},
    plan::Plan,
    planes::PlaneSet,
    progress::Meter,
    sample,
    source::BlockCache,
    threads::ThreadPool,
};

/// Planes of a cube that are computed side by side, so that coordinates serve several.
pub(crate) const PLANES_AT_ONCE: usize = 8;
/// The means of one run.
pub(crate) struct Exec<'r> {
    pub(crate) pool: &'r ThreadPool,
    pub(crate) memory: Arc<MemoryTracker>,
    cache: BlockCache<'r>,
    /// Bytes that a worker may use.
    pub(crate) share: usize,
    /// Bytes that differences between overlapping inputs may take; `None`: any number.
    pub(crate) differences: Option<u64>,
    /// Pieces of work that still have to read each input.
    unread: Vec<AtomicUsize>,
}

impl<'r> Exec<'r> {
    /// # Errors
    /// [`Error::Memory`] if the memory limit is too small for so many workers.
    pub(crate) fn new(plan: &'r Plan<'_>, pool: &'r ThreadPool) -> Result<Exec<'r>, Error> {
        let Options { memory_limit: limit, match_background, .. } = *plan.options();
        let matching = match_background != MatchBackground::None;
        let budget = Budget { limit, workers: pool.workers(), matching };
        let share = budget.share()?;
        let memory = MemoryTracker::new(budget);
        let temp_dir = match &plan.options().intermediate {
            Intermediate::Mapped { dir } => dir.clone(),
            _ => None,
        };
        let sources =
            plan.inputs().iter().flat_map(|input| InputReader::sources(input).map(|source| source.map(|s| s as _)));
        let sources = sources.collect();
        Ok(Exec {
            pool,
            cache: BlockCache::new(Arc::clone(&memory), temp_dir, sources),
            memory,
            share,
            differences: budget.differences(),
            unread: plan.inputs().iter().map(|_| AtomicUsize::new(0)).collect(),
        })
    }

    /// How an input is read.
    pub(crate) fn reader<'e>(&'e self, input: usize, meter: &'e Meter<'e>) -> InputReader<'e> {
        InputReader { cache: &self.cache, meter, input }
    }

    /// The workspace of a worker for sampling, with what is needed of samples beside value and weight.
    pub(crate) fn sampling<T>(&self, needs: PlaneSet) -> sample::Workspace<T> {
        // An eighth of the share for each of pixels and weights: f64.
        sample::Workspace::new(self.share / 8 / size_of::<f64>(), needs)
    }

    /// Notes that so many pieces of work are going to read an input.
    pub(crate) fn expect(&self, input: usize, times: usize) {
        if self.unread[input].fetch_add(times, Ordering::Relaxed) == 0 {
            InputReader::expect(&self.cache, input);
        }
    }

    /// Notes that a piece of work has read all that it needs of an input, whose decoded pixels are dropped after the last.
    pub(crate) fn has_read(&self, input: usize) {
        if self.unread[input].fetch_sub(1, Ordering::Relaxed) == 1 {
            InputReader::release(&self.cache, input);
        }
    }
}
