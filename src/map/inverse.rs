//! The inverse of a map.

use std::sync::Arc;

use super::pixel_map::PixelMap;

/// The map from input to output pixels: the roles of output and input in [`PixelMap`] are exchanged.
pub(crate) struct Inverse(Arc<dyn PixelMap>);

impl Inverse {
    /// `None` if the map has no inverse.
    pub(crate) fn of(map: &Arc<dyn PixelMap>) -> Option<Inverse> {
        map.to_output(&mut [0.0], &mut [0.0]).then(|| Inverse(Arc::clone(map)))
    }
}

impl PixelMap for Inverse {
    fn to_input(&self, x: &mut [f64], y: &mut [f64]) {
        if !self.0.to_output(x, y) {
            x.fill(f64::NAN);
            y.fill(f64::NAN);
        }
    }

    fn to_output(&self, x: &mut [f64], y: &mut [f64]) -> bool {
        self.0.to_input(x, y);
        true
    }
}
