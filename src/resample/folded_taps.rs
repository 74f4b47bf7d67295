//! The weights of pixels in a sample, from the weights of separable taps.

use super::{patch::mirror, prefilter::RESPONSE};

/// The weights of the pixels on one axis.
#[derive(Debug, Default)]
struct AxisWeights {
    /// (pixel, weight), each pixel once.
    pixels: Vec<(usize, f64)>,
    spread: Vec<f64>,
}

impl AxisWeights {
    /// Folds taps at the edges of an image of `n` pixels.
    fn fold(&mut self, first: isize, weights: &[f64], n: usize) {
        self.pixels.clear();
        for (i, w) in (first..).zip(weights) {
            let i = mirror(i, n);
            match self.pixels.iter_mut().find(|(pixel, _)| *pixel == i) {
                Some((_, sum)) => *sum += w,
                None => self.pixels.push((i, *w)),
            }
        }
    }

    /// Weights of the pixels that a spline's coefficients are made of, from weights on the coefficients.
    fn spread(&mut self, first: isize, weights: &[f64], response: &[f64; RESPONSE]) -> isize {
        let far = RESPONSE - 1;
        self.spread.clear();
        self.spread.resize(weights.len() + 2 * far, 0.0);
        for (k, w) in weights.iter().enumerate() {
            for (d, to) in self.spread[k..=k + 2 * far].iter_mut().enumerate() {
                *to += w * response[d.abs_diff(far)];
            }
        }
        first - far as isize
    }
}

/// The weights of pixels from those of taps that may lie outside of the image, on missing pixels or on a spline's coefficients.
#[derive(Debug, Default)]
pub(super) struct FoldedTaps {
    y: AxisWeights,
    x: AxisWeights,
}

impl FoldedTaps {
    /// Calls `pixel([y, x], weight)` for every pixel with a weight.
    pub(super) fn each(
        &mut self,
        [first_y, first_x]: [isize; 2],
        [wy, wx]: [&[f64]; 2],
        response: Option<&[f64; RESPONSE]>,
        image: [usize; 2],
        mut pixel: impl FnMut([usize; 2], f64),
    ) {
        for (line, first, weights, n) in [(&mut self.y, first_y, wy, image[0]), (&mut self.x, first_x, wx, image[1])] {
            match response {
                None => line.fold(first, weights, n),
                Some(response) => {
                    let first = line.spread(first, weights, response);
                    let spread = std::mem::take(&mut line.spread);
                    line.fold(first, &spread, n);
                    line.spread = spread;
                }
            }
        }
        for (y, wy) in &self.y.pixels {
            for (x, wx) in &self.x.pixels {
                let w = wy * wx;
                if w != 0.0 {
                    pixel([*y, *x], w);
                }
            }
        }
    }
}
