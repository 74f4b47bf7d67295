//! What the kernels report of their weights while they sample.

/// Observes the kernel weights of the samples of a block as they are computed. What it is given of a sample that turns out to be missing
/// is arbitrary.
pub(crate) trait WeightObserver {
    /// Whether weights are observed at all: where they are not, kernels do not compute what only an observer needs.
    const ACTIVE: bool = true;
    /// The samples of the next calls are counted from this sample of the block.
    fn start_at(&mut self, _sample: usize) {}
    /// Sample `k` is the sum over separable taps, the first one on pixel (y, x), with the taps outside of the image mirrored at its edges.
    fn taps(&mut self, k: usize, first: [isize; 2], wy: &[f64], wx: &[f64]);
    /// Sample `k` is the pixel (y, x).
    fn pixel(&mut self, k: usize, pixel: [usize; 2]);
    /// The pixel (y, x) has this weight in sample `k`, beside those reported before.
    fn part(&mut self, k: usize, pixel: [usize; 2], weight: f64);
    /// All parts of sample `k` have been reported: their weights are to be divided by `norm`.
    fn normalize(&mut self, k: usize, norm: f64);
    /// Sample `k` has been multiplied by a number.
    fn scale(&mut self, k: usize, factor: f64);
}

/// Observes nothing.
impl WeightObserver for () {
    const ACTIVE: bool = false;
    #[inline(always)]
    fn taps(&mut self, _: usize, _: [isize; 2], _: &[f64], _: &[f64]) {}
    #[inline(always)]
    fn pixel(&mut self, _: usize, _: [usize; 2]) {}
    #[inline(always)]
    fn part(&mut self, _: usize, _: [usize; 2], _: f64) {}
    #[inline(always)]
    fn normalize(&mut self, _: usize, _: f64) {}
    #[inline(always)]
    fn scale(&mut self, _: usize, _: f64) {}
}
