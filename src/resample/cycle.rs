//! Images that go around: what lies beyond one edge is what lies at the other.

use crate::{Adaptive, simd::dispatch};

/// Turns of an image along x and y.
#[derive(Clone, Copy)]
pub(super) struct Cycle {
    /// Pixels of a turn and turns of a pixel; 0 along an axis that ends.
    turn: [f64; 2],
    pixel: [f64; 2],
}

impl Cycle {
    /// `image` is the shape (ny, nx); `None` for one that ends along both axes.
    pub(super) fn new(adaptive: &Adaptive, [ny, nx]: [usize; 2]) -> Option<Cycle> {
        let cyclic = [(adaptive.x_cyclic, nx as f64), (adaptive.y_cyclic, ny as f64)];
        let turn = cyclic.map(|(cyclic, n)| if cyclic { n } else { 0.0 });
        let pixel = cyclic.map(|(cyclic, n)| if cyclic { 1.0 / n } else { 0.0 });
        (adaptive.x_cyclic || adaptive.y_cyclic).then_some(Cycle { turn, pixel })
    }

    /// A difference of positions without whole turns.
    #[inline(always)]
    pub(super) fn step(&self, step: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|axis| step[axis] - self.turn[axis] * (step[axis] * self.pixel[axis] + 0.5).floor())
    }

    /// Moves positions by whole turns into the image.
    pub(super) fn enter(&self, xs: &mut [f64], ys: &mut [f64]) {
        for ((positions, turn), pixel) in [xs, ys].into_iter().zip(self.turn).zip(self.pixel) {
            dispatch(
                #[inline(always)]
                || positions.iter_mut().for_each(|x| *x -= turn * ((*x + 0.5) * pixel).floor()),
            );
        }
    }
}
