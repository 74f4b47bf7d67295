//! The pixels that a run has decoded: blocks of images, shared by its threads, within its memory limit.
//!
//! ```text
//! for each block that a rectangle needs, in any order:
//!     present              use it
//!     absent               mark it as loading; without the lock: load it; keep it
//!     being loaded         come back to it after all others; then load what is needed next, or wait
//! ```
//!
//! So threads that need the same blocks load them side by side, and no thread waits while it could load. A thread uses one block at a
//! time: whatever the limit, some thread can go on.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::PixelSource;
use crate::{
    Error, PixelsMut,
    memory::{MemoryTracker, Reservation},
    pixel::PixelsRef,
    storage::{Buffer, Storage},
};

/// Bytes of blocks that are kept where no memory limit says otherwise.
const UNLIMITED: u64 = 256 << 20;
/// Bytes of buffers without pixels that are kept for blocks to come: new memory costs the system as much time as reading a block.
const SPARE: u64 = 32 << 20;
/// How often a waiting thread looks whether the run has been cancelled.
const PATIENCE: Duration = Duration::from_millis(20);

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
    /// Bytes that loading takes beside the pixels, for as long as it lasts.
    pub scratch: usize,
}

impl BlockRequest {
    fn bytes(&self) -> u64 {
        (self.pixels as u64).saturating_mul(if self.double { 8 } else { 4 })
    }
}

/// A loaded block.
#[derive(Debug)]
pub(super) struct Block {
    memory: BlockMemory,
    pixels: usize,
}

/// What a block is in. It may have room for more pixels than the block has.
#[derive(Debug)]
struct BlockMemory {
    buffer: BlockBuffer,
    /// `None` if the buffer is a temporary file.
    reserved: Option<Reservation>,
    bytes: u64,
}

#[derive(Debug)]
enum BlockBuffer {
    F32(Buffer<f32>),
    F64(Buffer<f64>),
}

impl Block {
    pub(super) fn pixels(&self) -> PixelsRef<'_> {
        match &self.memory.buffer {
            BlockBuffer::F32(buffer) => PixelsRef::F32(buffer.as_slice().get(..self.pixels).unwrap_or_default()),
            BlockBuffer::F64(buffer) => PixelsRef::F64(buffer.as_slice().get(..self.pixels).unwrap_or_default()),
        }
    }
}

impl BlockMemory {
    fn new(request: &BlockRequest, reserved: Option<Reservation>, temp_dir: Option<PathBuf>) -> Result<Self, Error> {
        let storage = if reserved.is_some() { Storage::Memory } else { Storage::Mapped { dir: temp_dir } };
        let what = "decoded pixels";
        let buffer = if request.double {
            BlockBuffer::F64(Buffer::new(request.pixels, &storage, what)?)
        } else {
            BlockBuffer::F32(Buffer::new(request.pixels, &storage, what)?)
        };
        Ok(BlockMemory { buffer, bytes: if reserved.is_some() { request.bytes() } else { 0 }, reserved })
    }

    /// Whether a block fits in without wasting more than half.
    fn suits(&self, request: &BlockRequest) -> bool {
        let same = matches!(self.buffer, BlockBuffer::F64(_)) == request.double;
        same && (request.bytes()..=2 * request.bytes()).contains(&self.bytes)
    }

    fn first(&mut self, pixels: usize) -> PixelsMut<'_> {
        match &mut self.buffer {
            BlockBuffer::F32(buffer) => PixelsMut::F32(buffer.as_mut_slice().get_mut(..pixels).unwrap_or_default()),
            BlockBuffer::F64(buffer) => PixelsMut::F64(buffer.as_mut_slice().get_mut(..pixels).unwrap_or_default()),
        }
    }
}

/// The blocks of all sources of a run.
#[derive(Debug)]
pub(crate) struct BlockCache<'r> {
    state: Mutex<State>,
    /// Told of whenever a block has been loaded or dropped.
    changed: Condvar,
    memory: Arc<MemoryTracker>,
    temp_dir: Option<PathBuf>,
    /// The sources of the run by their numbers.
    sources: Vec<Option<Arc<dyn PixelSource + 'r>>>,
    #[cfg(feature = "fits")]
    files: crate::fits::OpenFiles,
}

/// Source and number of a block.
type Key = (u64, u64);

#[derive(Debug, Default)]
struct State {
    /// By source and number.
    blocks: HashMap<u64, HashMap<u64, Entry>>,
    /// Counts the uses of blocks.
    clock: u64,
    /// The uses of blocks that may be dropped, by the clock; all but the last use of a block are out of date.
    uses: VecDeque<(u64, Key)>,
    /// Length of `uses` at which those out of date are dropped.
    most_uses: usize,
    /// Bytes of the blocks in memory that may be dropped and loaded again.
    bytes: u64,
    spare: Vec<BlockMemory>,
    spare_bytes: u64,
    /// Sources in the order in which they will be read, and those that have been.
    upcoming: VecDeque<u64>,
    begun: HashSet<u64>,
}

#[derive(Debug)]
enum Entry {
    Loading,
    Loaded { block: Arc<Block>, keep: bool, used: u64 },
}

pub(super) enum Claim<'c> {
    Present(Arc<Block>),
    Load(Loading<'c>),
    /// Another thread is loading it, or has to let go of memory first.
    Later,
    Refused(Error),
}

/// What a block is going to be loaded into.
struct Room {
    /// `None`: to be made, from what is reserved, or as a temporary file.
    memory: Option<BlockMemory>,
    reserved: Option<Reservation>,
    _scratch: Reservation,
}

/// A block that this thread loads. Dropped before it is loaded, it makes room for the next to try.
pub(super) struct Loading<'c> {
    cache: &'c BlockCache<'c>,
    key: Key,
    request: BlockRequest,
    room: Option<Room>,
    done: bool,
}

impl<'r> BlockCache<'r> {
    /// `temp_dir`: where blocks go that must be kept and for which memory does not suffice; `None` is the system's folder. `sources`: those that may
    /// be read ahead, by their numbers.
    pub(crate) fn new(
        memory: Arc<MemoryTracker>,
        temp_dir: Option<PathBuf>,
        sources: Vec<Option<Arc<dyn PixelSource + 'r>>>,
    ) -> BlockCache<'r> {
        BlockCache {
            state: Mutex::default(),
            changed: Condvar::new(),
            memory,
            temp_dir,
            sources,
            #[cfg(feature = "fits")]
            files: crate::fits::OpenFiles::default(),
        }
    }

    /// The state is whole whenever the lock is free, also after a panic.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn claim(&self, source: u64, request: &BlockRequest) -> Claim<'_> {
        let mut state = self.state();
        state.begun.insert(source);
        match state.find((source, request.number)) {
            Some(Some(block)) => return Claim::Present(block),
            Some(None) => return Claim::Later,
            None => {}
        }
        let needed = request.bytes().saturating_add(request.scratch as u64);
        match self.room(&mut state, request) {
            Some(room) => Claim::Load(self.start(&mut state, source, request, room)),
            // What others use or load they let go of in time.
            None if state.is_busy() => Claim::Later,
            None => match self.memory.reserve(needed, "a block of decoded pixels", "use fewer threads") {
                Ok(_) => Claim::Later,
                Err(error) => Claim::Refused(error),
            },
        }
    }

    /// A block to be loaded before it is wanted.
    pub(super) fn claim_early(&self, source: u64, request: &BlockRequest) -> Option<Loading<'_>> {
        let needed = request.bytes().saturating_add(request.scratch as u64);
        let mut state = self.state();
        if state.find((source, request.number)).is_some() || self.memory.available() < needed.saturating_mul(2) {
            return None;
        }
        let room = self.room(&mut state, request).filter(|room| room.memory.is_some() || room.reserved.is_some())?;
        Some(self.start(&mut state, source, request, room))
    }

    fn start(&self, state: &mut State, source: u64, request: &BlockRequest, room: Room) -> Loading<'_> {
        state.blocks.entry(source).or_default().insert(request.number, Entry::Loading);
        Loading { cache: self, key: (source, request.number), request: *request, room: Some(room), done: false }
    }

    /// Memory for a block, taken from blocks that nobody uses if need be, those first that have not been used for longest.
    fn room(&self, state: &mut State, request: &BlockRequest) -> Option<Room> {
        let reserve = |state: &mut State, bytes: u64| {
            let mut reserved = self.memory.try_reserve(bytes);
            while reserved.is_none() && (state.drop_spare() || state.evict() && state.drop_spare()) {
                reserved = self.memory.try_reserve(bytes);
            }
            reserved
        };
        let scratch = reserve(state, request.scratch as u64)?;
        while state.bytes.saturating_add(request.bytes()) > UNLIMITED && state.evict() {}
        if let Some(memory) = state.take_spare(request) {
            return Some(Room { memory: Some(memory), reserved: None, _scratch: scratch });
        }
        let reserved = reserve(state, request.bytes());
        (reserved.is_some() || request.keep).then_some(Room { memory: None, reserved, _scratch: scratch })
    }

    /// Waits until something has changed, but not for long.
    pub(super) fn wait(&self) {
        let state = self.state();
        drop(self.changed.wait_timeout(state, PATIENCE));
    }

    /// Notes that a source is going to be read, after all others of which that was noted before.
    pub(crate) fn expect(&self, source: u64) {
        if self.sources.get(source as usize).is_some_and(Option::is_some) {
            let mut state = self.state();
            state.begun.remove(&source);
            state.upcoming.push_back(source);
        }
    }

    /// The source that is read next, of those that have not been read yet. It is returned once.
    pub(super) fn next_source(&self) -> Option<(u64, &Arc<dyn PixelSource + 'r>)> {
        let mut state = self.state();
        while let Some(number) = state.upcoming.pop_front() {
            if !state.begun.contains(&number)
                && let Some(Some(source)) = self.sources.get(number as usize)
            {
                return Some((number, source));
            }
        }
        None
    }

    /// Drops the blocks of a source; whoever uses one keeps it until then.
    pub(crate) fn release(&self, source: u64) {
        let mut state = self.state();
        for (_, entry) in state.blocks.remove(&source).unwrap_or_default() {
            state.recycle(entry);
        }
        drop(state);
        self.changed.notify_all();
    }

    #[cfg(feature = "fits")]
    pub(super) fn loading<'c>(&'c self, check: &'c dyn Fn() -> Result<(), Error>) -> crate::fits::Loading<'c> {
        let temp_dir = self.temp_dir.as_deref();
        crate::fits::Loading { files: &self.files, memory: &self.memory, temp_dir, check }
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
    /// A block, if it is loaded; `Some(None)` if it is being loaded.
    fn find(&mut self, key: Key) -> Option<Option<Arc<Block>>> {
        self.clock += 1;
        let now = self.clock;
        match self.blocks.get_mut(&key.0)?.get_mut(&key.1)? {
            Entry::Loading => Some(None),
            Entry::Loaded { block, keep, used } => {
                *used = now;
                let block = Arc::clone(block);
                if !*keep {
                    self.note(now, key);
                }
                Some(Some(block))
            }
        }
    }

    fn note(&mut self, now: u64, key: Key) {
        self.uses.push_back((now, key));
        if self.uses.len() > self.most_uses {
            let State { uses, blocks, .. } = self;
            uses.retain(|(at, (source, number))| {
                let entry = blocks.get(source).and_then(|blocks| blocks.get(number));
                matches!(entry, Some(Entry::Loaded { used, .. }) if used == at)
            });
            self.most_uses = 2 * self.uses.len() + 1024;
        }
    }

    fn is_busy(&self) -> bool {
        self.blocks.values().flat_map(HashMap::values).any(Entry::is_busy)
    }

    /// Takes a block away whose entry has been removed. Its memory is kept for the next.
    fn recycle(&mut self, entry: Entry) {
        let Entry::Loaded { block, keep, .. } = entry else { return };
        if !keep {
            self.bytes -= block.memory.bytes;
        }
        // Somebody may still use it.
        let Ok(Block { memory, .. }) = Arc::try_unwrap(block) else { return };
        if memory.reserved.is_some() && self.spare_bytes + memory.bytes <= SPARE {
            self.spare_bytes += memory.bytes;
            self.spare.push(memory);
        }
    }

    fn take_spare(&mut self, request: &BlockRequest) -> Option<BlockMemory> {
        // The one used last is the one most likely to be in the processor's cache.
        let index = self.spare.iter().rposition(|memory| memory.suits(request))?;
        let memory = self.spare.remove(index);
        self.spare_bytes -= memory.bytes;
        Some(memory)
    }

    /// Gives memory without a block back; whether there was any.
    fn drop_spare(&mut self) -> bool {
        let memory = self.spare.pop();
        self.spare_bytes -= memory.as_ref().map_or(0, |memory| memory.bytes);
        memory.is_some()
    }

    /// Drops the block, of those that nobody uses, that has not been used for longest; whether there was one.
    fn evict(&mut self) -> bool {
        let mut busy = Vec::new();
        let mut found = false;
        while let Some((at, key)) = self.uses.pop_front() {
            let Some(blocks) = self.blocks.get_mut(&key.0) else { continue };
            match blocks.get(&key.1) {
                Some(Entry::Loaded { used, .. }) if *used != at => continue,
                Some(entry @ Entry::Loaded { .. }) if entry.is_busy() => busy.push((at, key)),
                Some(Entry::Loaded { .. }) => {
                    if let Some(entry) = blocks.remove(&key.1) {
                        self.recycle(entry);
                    }
                    found = true;
                    break;
                }
                _ => continue,
            }
        }
        busy.into_iter().rev().for_each(|used| self.uses.push_front(used));
        found
    }
}

impl Loading<'_> {
    pub(super) fn load(
        mut self,
        load: &mut dyn FnMut(u64, PixelsMut<'_>) -> Result<(), Error>,
    ) -> Result<Arc<Block>, Error> {
        let BlockRequest { number, pixels, keep, .. } = self.request;
        let (memory, reserved) =
            self.room.as_mut().map_or((None, None), |room| (room.memory.take(), room.reserved.take()));
        let mut memory = match memory {
            Some(memory) => memory,
            None => BlockMemory::new(&self.request, reserved, self.cache.temp_dir.clone())?,
        };
        load(number, memory.first(pixels))?;
        let bytes = memory.bytes;
        let block = Arc::new(Block { memory, pixels });
        // What was needed for loading only.
        self.room = None;
        let mut state = self.cache.state();
        let now = state.clock;
        // Unless the source has been released meanwhile.
        let entry = state.blocks.get_mut(&self.key.0).and_then(|blocks| blocks.get_mut(&number));
        if let Some(entry @ Entry::Loading) = entry {
            *entry = Entry::Loaded { block: Arc::clone(&block), keep, used: now };
            if !keep {
                state.bytes += bytes;
                state.note(now, self.key);
            }
        }
        self.done = true;
        drop(state);
        Ok(block)
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        // Before others are told that there is room.
        self.room = None;
        if !self.done
            && let Some(blocks) = self.cache.state().blocks.get_mut(&self.key.0)
            && matches!(blocks.get(&self.key.1), Some(Entry::Loading))
        {
            blocks.remove(&self.key.1);
        }
        self.cache.changed.notify_all();
    }
}
