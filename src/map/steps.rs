//! Step lengths of a map.

use super::PixelMap;
use crate::window::Window;

/// How many input pixels the output pixels of a block are long, at a few places.
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

    /// With a margin for what lies between the pixels looked at; 0 if nothing is known.
    pub(crate) fn longest(&self) -> f64 {
        1.5 * self.0.iter().copied().fold(0.0, f64::max)
    }

    /// With the same margin; infinite if nothing is known.
    pub(crate) fn shortest(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min) / 1.5
    }
}
