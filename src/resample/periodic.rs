//! Periodic images: beyond an edge the image continues at the opposite one.

use crate::{Adaptive, simd::dispatch};

/// The periods of an image along x and y.
#[derive(Clone, Copy)]
pub(super) struct PeriodicAxes {
    /// Pixels of a period, and their inverse; 0 along an axis that is not periodic.
    period: [f64; 2],
    inverse: [f64; 2],
}

impl PeriodicAxes {
    /// `image` is the shape (ny, nx); `None` for one that is not periodic.
    pub(super) fn new(adaptive: &Adaptive, [ny, nx]: [usize; 2]) -> Option<PeriodicAxes> {
        let axes = [(adaptive.x_cyclic, nx as f64), (adaptive.y_cyclic, ny as f64)];
        let period = axes.map(|(periodic, n)| if periodic { n } else { 0.0 });
        let inverse = axes.map(|(periodic, n)| if periodic { 1.0 / n } else { 0.0 });
        (adaptive.x_cyclic || adaptive.y_cyclic).then_some(PeriodicAxes { period, inverse })
    }

    /// A difference of positions without whole periods.
    #[inline(always)]
    pub(super) fn step(&self, step: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|axis| step[axis] - self.period[axis] * (step[axis] * self.inverse[axis] + 0.5).floor())
    }

    /// Moves positions by whole periods into the image.
    pub(super) fn enter(&self, xs: &mut [f64], ys: &mut [f64]) {
        for ((positions, period), inverse) in [xs, ys].into_iter().zip(self.period).zip(self.inverse) {
            dispatch(
                #[inline(always)]
                || positions.iter_mut().for_each(|x| *x -= period * ((*x + 0.5) * inverse).floor()),
            );
        }
    }
}
