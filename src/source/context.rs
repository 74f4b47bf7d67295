//! What a run lends to its sources: its cache of decoded blocks, and news of its cancellation.

use super::cache::{BlockCache, BlockRequest, Claim};
use crate::{Error, PixelsMut, memory::MemoryTracker, pixel::PixelsRef, progress::Meter};

/// What a run lends to its sources: a cache for decoded pixels, within its memory limit, and news of its cancellation.
#[derive(Clone, Copy)]
pub struct ReadContext<'r> {
    cache: &'r BlockCache<'r>,
    meter: &'r Meter<'r>,
    source: u64,
}

impl std::fmt::Debug for ReadContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadContext").field("source", &self.source).finish_non_exhaustive()
    }
}

impl<'r> ReadContext<'r> {
    /// `source` tells the source from all others of the run.
    pub(crate) fn new(cache: &'r BlockCache<'r>, meter: &'r Meter<'r>, source: u64) -> Self {
        ReadContext { cache, meter, source }
    }

    /// Calls `read` with a context of its own, outside of any run: for reading a source by itself, and for tests of sources.
    pub fn alone<R>(read: impl FnOnce(&ReadContext<'_>) -> R) -> R {
        let cache = BlockCache::new(MemoryTracker::unlimited(), None, Vec::new());
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
            if left.len() == before && !self.read_ahead() {
                self.cache.wait();
            }
        }
        Ok(())
    }

    /// Loads a block that is going to be wanted, unless it is there, another thread loads it, or memory would have to be taken from others. If it
    /// cannot be loaded, whoever wants it is told the reason.
    pub fn load_early(&self, request: &BlockRequest, load: &mut dyn FnMut(u64, PixelsMut<'_>) -> Result<(), Error>) {
        if let Some(loading) = self.cache.claim_early(self.source, request) {
            // The error comes back when the block is wanted.
            let _ = loading.load(load);
        }
    }

    /// Instead of waiting for another thread: lets the source that is read next load what it can. Whether there was one.
    fn read_ahead(&self) -> bool {
        let Some((number, source)) = self.cache.next_source() else { return false };
        if let [.., ny, nx] = *source.shape() {
            let whole = crate::Window::new(0, 0, nx, ny);
            source.will_read(0, &[whole], &ReadContext::new(self.cache, self.meter, number));
        }
        true
    }

    /// What FITS files are read with.
    #[cfg(feature = "fits")]
    pub(super) fn loading<'c>(&'c self, check: &'c dyn Fn() -> Result<(), Error>) -> crate::fits::Loading<'c> {
        self.cache.loading(check)
    }
}
