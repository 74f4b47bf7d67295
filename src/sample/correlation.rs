//! The correlation of the noise of samples.

use crate::{map::Steps, plan::PlannedInput, resample::Scratch, stats::Tally, window::Window};

/// Half the side of the square of output pixels whose correlation is measured.
const CORRELATED: usize = 8;
/// Input pixels that may be used for it.
const MOST_CORRELATED: usize = 1 << 22;

impl PlannedInput<'_> {
    /// √(Σ covariances / Σ variances) of the samples near the middle of a rectangle of the output, for noise that is independent from
    /// one input pixel to the next; `None` if there are no samples, or the reduction in scale is so strong that finding out takes too much.
    pub(crate) fn noise_correlation(&self, bounds: Window) -> Option<f64> {
        let target = Window::new(0, 0, self.target[1], self.target[0]);
        let around = |half: usize| {
            let (x, y) = (bounds.x0 + bounds.nx / 2, bounds.y0 + bounds.ny / 2);
            let (x0, y0) = (x.saturating_sub(half), y.saturating_sub(half));
            Window::new(x0, y0, x + half - x0, y + half - y0).intersection(&target)
        };
        let inner = around(CORRELATED)?;
        let longest = Steps::of(&*self.map, inner).longest().max(0.02);
        // Samples farther apart share no pixel that matters.
        let apart = 2.0
            * (self.kernel.support_radius(longest) + self.kernel.prefilter_margin::<f64>() as f64)
                .min(8.0 + 2.0 * longest)
            / longest
            * 1.5
            + 2.0;
        let block = around(CORRELATED + (apart.ceil() as usize).min(8 * CORRELATED))?;
        let mut place =
            self.place::<f64>(self.image_geometry(), block, &mut Scratch::default(), &mut Tally::default())?;
        if place.cost() > MOST_CORRELATED {
            return None;
        }
        place.prepare(&*self.map, self.inverse.as_deref(), self.coordinate_error);
        let pixels = vec![1.0; place.window.area()];
        let [all, own] = self.kernel.covariance(&place.scene(&pixels), block, inner);
        (own > 0.0).then(|| (all / own).max(0.0).sqrt())
    }
}
