//! The correlation of the noise of samples with that of their neighbours.

use super::{folded_taps::FoldedTaps, observer::WeightObserver, patch::Patch, prefilter::RESPONSE};
use crate::window::Window;

/// The weights of all pixels in all samples of a block.
#[derive(Debug)]
pub(super) struct Correlation {
    samples: Vec<Weights>,
    /// The pixels of the image that are in the patch.
    window: Window,
    image: [usize; 2],
    response: Option<[f64; RESPONSE]>,
    first: usize,
    taps: FoldedTaps,
}

/// The weights of one sample: pixels of the patch, and the norm that their weights are divided by.
#[derive(Clone, Debug)]
struct Weights {
    pixels: Vec<(usize, f64)>,
    norm: f64,
}

impl Correlation {
    pub(super) fn new<P>(samples: usize, patch: &Patch<'_, P>, response: Option<[f64; RESPONSE]>) -> Correlation {
        Correlation {
            samples: vec![Weights { pixels: Vec::new(), norm: 1.0 }; samples],
            window: patch.window,
            image: patch.image,
            response,
            first: 0,
            taps: FoldedTaps::default(),
        }
    }

    /// Sums over the samples for which `counts` is true, for noise of variance 1 that is independent from pixel to pixel: of their covariances
    /// with all samples of the block, and of their variances.
    pub(super) fn sums(&self, counts: impl Fn(usize) -> bool) -> [f64; 2] {
        let mut columns = vec![0.0; self.window.area()];
        // The norm of a missing sample is 0.
        let samples = || self.samples.iter().enumerate().filter(|(_, sample)| sample.norm.is_normal());
        for (_, Weights { pixels, norm }) in samples() {
            pixels.iter().for_each(|(pixel, w)| columns[*pixel] += w / norm);
        }
        let mut sums = [0.0; 2];
        for (_, Weights { pixels, norm }) in samples().filter(|(sample, _)| counts(*sample)) {
            for (pixel, w) in pixels {
                let w = w / norm;
                sums[0] += w * columns[*pixel];
                sums[1] += w * w;
            }
        }
        sums
    }
}

impl WeightObserver for Correlation {
    fn start_at(&mut self, sample: usize) {
        self.first = sample;
    }

    fn taps(&mut self, k: usize, first: [isize; 2], wy: &[f64], wx: &[f64]) {
        let mut taps = std::mem::take(&mut self.taps);
        // A sample may be made anew: widened, or found to lie on the centre of a pixel.
        self.samples.get_mut(self.first + k).into_iter().for_each(|sample| sample.pixels.clear());
        let (response, image) = (self.response, self.image);
        taps.each(first, [wy, wx], response.as_ref(), image, |pixel, w| self.part(k, pixel, w));
        self.taps = taps;
    }

    fn pixel(&mut self, k: usize, pixel: [usize; 2]) {
        self.samples.get_mut(self.first + k).into_iter().for_each(|sample| sample.pixels.clear());
        self.part(k, pixel, 1.0);
    }

    fn part(&mut self, k: usize, pixel: [usize; 2], weight: f64) {
        if let (Some(sample), Some(place)) = (self.samples.get_mut(self.first + k), self.window.place(pixel)) {
            sample.pixels.push((place, weight));
        }
    }

    fn normalize(&mut self, k: usize, norm: f64) {
        self.samples.get_mut(self.first + k).into_iter().for_each(|sample| sample.norm *= norm);
    }

    fn scale(&mut self, k: usize, factor: f64) {
        self.normalize(k, 1.0 / factor);
    }
}
