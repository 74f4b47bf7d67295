//! The pixels that a run has decoded: blocks of images, shared by its threads, within its memory limit.
//!
//! ```text
//! for each block that a rectangle needs, in any order:
//!     present              use it
//!     absent               mark it as loading; without the lock: load it; keep it
//!     being loaded         come back to it after all others; then wait
//! ```
//!
//! So threads that need the same blocks load them side by side, and no thread waits while it could load. A thread uses one block at a
//! time: whatever the limit, some thread can go on.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    Error, PixelsMut,
    memory::{MemoryTracker, Reservation},
    pixel::PixelsRef,
    progress::Meter,
    storage::{Buffer, Storage},
};

/// Bytes of blocks that are kept where no memory limit says otherwise.
const UNLIMITED: u64 = 256 << 20;
/// How often a waiting thread looks whether the run has been cancelled.
const PATIENCE: Duration = Duration::from_millis(20);

/// What a run lends to its sources: a cache for decoded pixels, within its memory limit, and news of its cancellation.
#[derive(Clone, Copy)]
pub struct ReadContext<'r> {
    cache: &'r BlockCache,
    meter: &'r Meter<'r>,
    source: u64,
}

impl std::fmt::Debug for ReadContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadContext").field("source", &self.source).finish_non_exhaustive()
    }
}

/// A block of an image, as a source asks the cache for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRequest {
    /// A number of the source's choice that tells the block from its others.
    pub number: u64,
    /// Pixels in the block.
    pub pixels: usize,
    /// Whether the pixels are kept as `f64`, and as `f32` otherwise.
    pub double: bool,
    /// Whether loading costs so much that the block is kept in a temporary file where memory does not suffice, and never loaded twice while
    /// its input is in use.
    pub keep: bool,
}

impl<'r> ReadContext<'r> {
    /// `source` tells the source from all others of the run.
    pub(crate) fn new(cache: &'r BlockCache, meter: &'r Meter<'r>, source: u64) -> Self {
        ReadContext { cache, meter, source }
    }

    /// Calls `read` with a context of its own, outside of any run: for reading a source by itself, and for tests of sources.
    pub fn alone<R>(read: impl FnOnce(&ReadContext<'_>) -> R) -> R {
        let cache = BlockCache::new(MemoryTracker::unlimited(), None);
        read(&ReadContext::new(&cache, &Meter::silent(), 0))
    }

    /// Whether the run goes on. A source that takes long calls it several times a second and returns the error.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the progress callback has asked to stop.
    pub fn check(&self) -> Result<(), Error> {
        self.meter.check()
    }

    /// Hands each block wanted to `take` once, in any order, after `load` has filled it unless that happened before. No lock is held meanwhile.
    ///
    /// # Errors
    /// Those of `load` and `take`; [`Error::Memory`] if a block does not fit into the memory limit; [`Error::Cancelled`].
    pub fn blocks(
        &self,
        wanted: &[BlockRequest],
        load: &mut dyn FnMut(u64, PixelsMut<'_>) -> Result<(), Error>,
        take: &mut dyn FnMut(u64, PixelsRef<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut left: Vec<BlockRequest> = wanted.to_vec();
        while !left.is_empty() {
            let before = left.len();
            let mut failure = None;
            left.retain(|request| {
                if failure.is_some() {
                    return true;
                }
                let got = match self.cache.claim(self.source, request) {
                    Claim::Present(block) => take(request.number, block.pixels()),
                    Claim::Load(loading) => loading.load(load).and_then(|block| take(request.number, block.pixels())),
                    Claim::Later => return true,
                    Claim::Refused(error) => Err(error),
                };
                failure = got.err();
                false
            });
            if let Some(error) = failure {
                return Err(error);
            }
            self.check()?;
            if left.len() == before {
                self.cache.wait();
            }
        }
        Ok(())
    }
}

/// A loaded block.
#[derive(Debug)]
struct Block {
    pixels: BlockPixels,
    _reserved: Option<Reservation>,
}

#[derive(Debug)]
enum BlockPixels {
    F32(Buffer<f32>),
    F64(Buffer<f64>),
}

impl Block {
    fn pixels(&self) -> PixelsRef<'_> {
        match &self.pixels {
            BlockPixels::F32(buffer) => PixelsRef::F32(buffer.as_slice()),
            BlockPixels::F64(buffer) => PixelsRef::F64(buffer.as_slice()),
        }
    }
}

/// The blocks of all sources of a run.
#[derive(Debug)]
pub(crate) struct BlockCache {
    state: Mutex<State>,
    /// Told of whenever a block has been loaded or dropped.
    changed: Condvar,
    memory: Arc<MemoryTracker>,
    temp_dir: Option<PathBuf>,
}

#[derive(Debug, Default)]
struct State {
    blocks: HashMap<(u64, u64), Entry>,
    /// Counts the uses of blocks.
    clock: u64,
    /// Bytes of the blocks in memory that may be dropped and loaded again.
    bytes: u64,
}

#[derive(Debug)]
enum Entry {
    Loading,
    Loaded { block: Arc<Block>, bytes: u64, keep: bool, used: u64 },
}

enum Claim<'c> {
    Present(Arc<Block>),
    Load(Loading<'c>),
    /// Another thread is loading it, or has to let go of memory first.
    Later,
    Refused(Error),
}

/// A block that this thread loads. Dropped before it is loaded, it makes room for the next to try.
struct Loading<'c> {
    cache: &'c BlockCache,
    key: (u64, u64),
    request: BlockRequest,
    reserved: Option<Reservation>,
    done: bool,
}

impl BlockCache {
    /// `temp_dir`: where blocks go that must be kept and for which memory does not suffice; `None` is the system's folder.
    pub(crate) fn new(memory: Arc<MemoryTracker>, temp_dir: Option<PathBuf>) -> BlockCache {
        BlockCache { state: Mutex::default(), changed: Condvar::new(), memory, temp_dir }
    }

    /// The state is whole whenever the lock is free, also after a panic.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claim(&self, source: u64, request: &BlockRequest) -> Claim<'_> {
        let key = (source, request.number);
        let mut state = self.state();
        state.clock += 1;
        let now = state.clock;
        match state.blocks.get_mut(&key) {
            Some(Entry::Loading) => return Claim::Later,
            Some(Entry::Loaded { block, used, .. }) => {
                *used = now;
                return Claim::Present(Arc::clone(block));
            }
            None => {}
        }
        let bytes = (request.pixels as u64).saturating_mul(if request.double { 8 } else { 4 });
        let excess = state.bytes.saturating_add(bytes).saturating_sub(UNLIMITED);
        if excess > 0 {
            state.evict(excess);
        }
        let mut reserved = self.memory.try_reserve(bytes);
        while reserved.is_none() && state.evict(bytes) {
            reserved = self.memory.try_reserve(bytes);
        }
        if reserved.is_none() && !request.keep {
            // What others use or load they let go of in time.
            if state.blocks.values().any(Entry::is_busy) {
                return Claim::Later;
            }
            let refused = self.memory.reserve(bytes, "a block of decoded pixels", "use fewer threads");
            return match refused {
                Ok(reserved) => Claim::Load(self.start(&mut state, key, *request, Some(reserved))),
                Err(error) => Claim::Refused(error),
            };
        }
        Claim::Load(self.start(&mut state, key, *request, reserved))
    }

    fn start(
        &self,
        state: &mut State,
        key: (u64, u64),
        request: BlockRequest,
        reserved: Option<Reservation>,
    ) -> Loading<'_> {
        state.blocks.insert(key, Entry::Loading);
        Loading { cache: self, key, request, reserved, done: false }
    }

    /// Waits until something has changed, but not for long.
    fn wait(&self) {
        let state = self.state();
        drop(self.changed.wait_timeout(state, PATIENCE));
    }

    /// Drops the blocks of a source; whoever uses one keeps it until then.
    pub(crate) fn release(&self, source: u64) {
        let mut state = self.state();
        let of_source = |key: &(u64, u64), entry: &Entry| key.0 == source && matches!(entry, Entry::Loaded { .. });
        let gone: Vec<(u64, u64)> =
            state.blocks.iter().filter(|(key, entry)| of_source(key, entry)).map(|(key, _)| *key).collect();
        gone.iter().for_each(|key| state.remove(key));
        drop(state);
        self.changed.notify_all();
    }
}

impl Entry {
    fn is_busy(&self) -> bool {
        match self {
            Entry::Loading => true,
            Entry::Loaded { block, .. } => Arc::strong_count(block) > 1,
        }
    }
}

impl State {
    fn remove(&mut self, key: &(u64, u64)) {
        if let Some(Entry::Loaded { bytes, keep: false, .. }) = self.blocks.remove(key) {
            self.bytes -= bytes;
        }
    }

    /// Drops blocks that nobody uses, those first that have not been used for longest, until so many bytes are free. Whether any was dropped.
    fn evict(&mut self, mut bytes: u64) -> bool {
        let mut idle: Vec<(u64, (u64, u64), u64)> = Vec::new();
        for (key, entry) in &self.blocks {
            match entry {
                Entry::Loaded { bytes, keep: false, used, .. } if !entry.is_busy() => idle.push((*used, *key, *bytes)),
                _ => {}
            }
        }
        idle.sort_unstable();
        let any = !idle.is_empty();
        for (_, key, freed) in idle {
            if bytes == 0 {
                break;
            }
            bytes = bytes.saturating_sub(freed);
            self.remove(&key);
        }
        any
    }
}

impl Loading<'_> {
    fn load(mut self, load: &mut dyn FnMut(u64, PixelsMut<'_>) -> Result<(), Error>) -> Result<Arc<Block>, Error> {
        let BlockRequest { number, pixels, double, keep } = self.request;
        let reserved = self.reserved.take();
        let storage = match &reserved {
            Some(_) => Storage::Memory,
            None => Storage::Mapped { dir: self.cache.temp_dir.clone() },
        };
        let what = "decoded pixels";
        let pixels = if double {
            let mut buffer = Buffer::<f64>::new(pixels, &storage, what)?;
            load(number, PixelsMut::F64(buffer.as_mut_slice()))?;
            BlockPixels::F64(buffer)
        } else {
            let mut buffer = Buffer::<f32>::new(pixels, &storage, what)?;
            load(number, PixelsMut::F32(buffer.as_mut_slice()))?;
            BlockPixels::F32(buffer)
        };
        let bytes = if reserved.is_some() { self.request.pixels as u64 * if double { 8 } else { 4 } } else { 0 };
        let block = Arc::new(Block { pixels, _reserved: reserved });
        let mut state = self.cache.state();
        let used = state.clock;
        state.blocks.insert(self.key, Entry::Loaded { block: Arc::clone(&block), bytes, keep, used });
        if !keep {
            state.bytes += bytes;
        }
        self.done = true;
        drop(state);
        Ok(block)
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.cache.state().blocks.remove(&self.key);
        }
        self.cache.changed.notify_all();
    }
}
