//! What carrying a plan out takes.

use super::Plan;
use crate::{Intermediate, Pixel, planes::PlaneSet, window::Window};

impl Plan<'_> {
    /// Bytes of the intermediates of a run over the whole target that fills these planes of an output of type `T`: in memory or on disk, as
    /// [`Options::intermediate`](crate::Options::intermediate) says; 0 for [`Intermediate::None`]. With
    /// [`Intermediate::Memory`] it is part of [`Summary::peak_bytes`](crate::Summary::peak_bytes).
    ///
    /// It looks at the sub-grids of all inputs, as [`bounds`](Self::bounds) does.
    pub fn intermediate_bytes<T: Pixel>(&self, planes: PlaneSet) -> u64 {
        if self.options.intermediate == Intermediate::None {
            return 0;
        }
        let needs = self.needs(planes);
        let pieces = self.pieces(&self.occupied_tiles(self.whole()));
        needs.stored_bytes::<T>(pieces.iter().map(|(_, _, window)| self.planes() * window.area()).sum())
    }

    /// What a run needs of each sample that fills these planes.
    pub(crate) fn needs(&self, planes: PlaneSet) -> PlaneSet {
        let combine = if self.options.combine.needs_variance() { PlaneSet::VARIANCE } else { PlaneSet::NONE };
        planes.union(combine).intersection(PlaneSet::OF_SAMPLES)
    }

    /// The pieces of the inputs' sub-grids, input by input: (tile of the run, input, window).
    pub(crate) fn pieces(&self, tiles: &[Window]) -> Vec<(usize, usize, Window)> {
        let mut pieces = Vec::new();
        for (tile, window) in tiles.iter().enumerate() {
            let touching = self.touching(*window);
            pieces.extend(touching.filter_map(|input| Some((tile, input, self.part(input, *window)?))));
        }
        pieces.sort_by_key(|(tile, input, _)| (*input, *tile));
        pieces
    }
}
