//! Step lengths of a map.

use super::pixel_map::PixelMap;
use crate::window::Window;

/// The lengths of output pixels of a block in input pixels, at a few positions.
pub(crate) struct Steps(Vec<f64>);

impl Steps {
    pub(crate) fn of(map: &dyn PixelMap, block: Window) -> Steps {
        let mut points = [[0.0; 27]; 2];
        for k in 0..9 {
            let x = block.x0 as f64 + block.nx.saturating_sub(1) as f64 * 0.5 * (k % 3) as f64;
            let y = block.y0 as f64 + block.ny.saturating_sub(1) as f64 * 0.5 * (k / 3) as f64;
            for (step, [dx, dy]) in [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]].into_iter().enumerate() {
                points[0][3 * k + step] = x + dx;
                points[1][3 * k + step] = y + dy;
            }
        }
        let [xs, ys] = &mut points;
        map.to_input(xs, ys);
        let steps = (0..27).filter(|k| k % 3 > 0).map(|k| (xs[k] - xs[k - k % 3]).hypot(ys[k] - ys[k - k % 3]));
        Steps(steps.filter(|step| step.is_finite()).collect())
    }

    /// With those of some more blocks.
    pub(crate) fn and_of(mut self, map: &dyn PixelMap, blocks: impl Iterator<Item = Window>) -> Steps {
        blocks.for_each(|block| self.0.extend(Steps::of(map, block).0));
        self
    }

    /// The largest length, with a margin for positions in between; 0 if the map is undefined at all of them.
    pub(crate) fn longest(&self) -> f64 {
        1.5 * self.0.iter().copied().fold(0.0, f64::max)
    }

    /// The smallest length, with the same margin; infinite if the map is undefined at all of them.
    pub(crate) fn shortest(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min) / 1.5
    }
}
