//! A field of images whose backgrounds are known, and how well they can be found.
//!
//! ```text
//! an overlap of N pixels gives the difference of two backgrounds to a variance 2 c² σ² / N, and its slopes to that over their second moments
//! c² = π/2 for a median, 1/0.95 for the biweight; resampling smooths noise but leaves sums over an area as they are
//! where m images overlap their m (m - 1)/2 differences share noise, and count m/2 times what they are worth
//! least squares over all overlaps, its normal equations N, and S alike but with m/2 for each pixel: the covariance of all corrections is N⁺ S N⁺
//! ```

use ndarray::{Array1, Array2, s};
use skymosaic::{Correction, Input, Pair, Plan, PlaneBackgrounds, Wcs};

use super::field::{Random, tan};

/// A field of side × side rotated images, noise of deviation 1 on a smooth sky that all
/// share, with a background of their own each: a constant and slopes.
pub(crate) struct Field {
    pub(crate) target: Wcs,
    pub(crate) shape: [usize; 2],
    pub(crate) images: Vec<(Array2<f32>, Wcs)>,
    pub(crate) truth: Vec<Correction>,
}

pub(crate) fn field(side: usize, pixels: usize, offset: f64, slope: f64, seed: u64) -> Field {
    let scale = 1e-4;
    let n = (side as f64 * 0.85 + 0.3) * pixels as f64;
    let shape = [n as usize; 2];
    let target = tan(150.0, 0.0, shape, scale, 0.0);
    let mut random = Random(seed * 7919 + 1);
    let centre = [(shape[1] - 1) as f64 / 2.0, (shape[0] - 1) as f64 / 2.0];
    let (mut images, mut truth) = (Vec::new(), Vec::new());
    for k in 0..side * side {
        let at = |v: usize| (v as f64 - (side - 1) as f64 / 2.0) * 0.85 * pixels as f64 * scale;
        let wcs = tan(150.0 + at(k % side), at(k / side), [pixels; 2], scale, random.between(-3.0, 3.0));
        let background = Correction::new(
            random.between(-offset, offset),
            [random.between(-slope, slope), random.between(-slope, slope)],
            centre,
        );
        // Where in the target each pixel lies, for the sky and the background.
        let (mut lon, mut lat): (Vec<f64>, Vec<f64>) =
            (0..pixels * pixels).map(|p| ((p % pixels) as f64, (p / pixels) as f64)).unzip();
        wcs.pixel_to_celestial(&mut lon, &mut lat);
        target.celestial_to_pixel(&mut lon, &mut lat);
        let image = Array2::from_shape_fn((pixels, pixels), |(y, x)| {
            let (u, v) = (lon[y * pixels + x], lat[y * pixels + x]);
            let sky = 100.0 + 30.0 * (u / 37.0).sin() * (v / 53.0).cos();
            let gauss: f64 = (0..12).map(|_| random.uniform()).sum::<f64>() - 6.0;
            (sky + background.at(u, v) + gauss) as f32
        });
        images.push((image, wcs));
        truth.push(background);
    }
    Field { target, shape, images, truth }
}

impl Field {
    pub(crate) fn inputs(&self) -> Vec<Input<'_>> {
        self.images.iter().map(|(image, wcs)| Input::from_array(image.view(), wcs.clone())).collect()
    }
}

/// Errors of what has been found.
pub(crate) struct Errors {
    /// Square of all of them together, over what noise makes it on average, and how many numbers it counts.
    pub(crate) square: f64,
    pub(crate) freedom: f64,
    /// Of the corrections, at the centres of their images, but for the common plane that nothing can tell; and the deviations that noise gives them.
    pub(crate) corrections: Vec<[f64; 2]>,
    /// Of the steps that are left at the centres of the overlaps, alike.
    pub(crate) steps: Vec<[f64; 2]>,
    /// Root mean square of the steps over the pixels of all overlaps.
    pub(crate) seams: f64,
}

/// Root mean square and largest size.
pub(crate) fn spread(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    let count = values.clone().count() as f64;
    let square = values.clone().map(|v| v * v).sum::<f64>();
    [(square / count).sqrt(), values.fold(0.0, |largest, v| largest.max(v.abs()))]
}

/// What noise of deviation 1 does to corrections: value at the centre of the target, and slopes in [`Field::unit`]s, in order of the inputs.
struct Noise {
    /// Of the normal equations.
    normal: Array2<f64>,
    covariance: Array2<f64>,
    /// Expected of errors squared by `normal`.
    square: f64,
    /// Of the overlaps.
    middles: Vec<[f64; 2]>,
}

impl Field {
    /// `matched` are constants, or planes.
    pub(crate) fn errors(&self, plan: &Plan<'_>, matched: &PlaneBackgrounds, planes: bool) -> Errors {
        assert_eq!(matched.groups.len(), 1);
        let (count, size) = (self.images.len(), if planes { 3 } else { 1 });
        let (unit, centre) = (self.unit(), self.truth[0].centre);
        let mut wrong: Vec<[f64; 3]> = matched
            .corrections
            .iter()
            .zip(&self.truth)
            .map(|(got, truth)| {
                let [x, y] = [0, 1].map(|k| (got.slope[k] - truth.slope[k]) * unit);
                [got.offset - truth.offset, x, y]
            })
            .collect();
        let common: [f64; 3] = std::array::from_fn(|k| wrong.iter().map(|one| one[k]).sum::<f64>() / count as f64);
        wrong.iter_mut().for_each(|one| (0..3).for_each(|k| one[k] -= common[k]));
        let noise = self.noise(plan, matched, planes);
        let error = |at: &[(usize, f64)], [x, y]: [f64; 2]| {
            let base = [1.0, (x - centre[0]) / unit, (y - centre[1]) / unit];
            let value = |k: usize| (0..3).map(|p| base[p] * wrong[k][p]).sum::<f64>();
            let mut variance = 0.0;
            for (i, si) in at {
                for (j, sj) in at {
                    let block = noise.covariance.slice(s![i * size..(i + 1) * size, j * size..(j + 1) * size]);
                    variance += si * sj * block.indexed_iter().map(|((p, q), c)| base[p] * base[q] * c).sum::<f64>();
                }
            }
            [at.iter().map(|(k, sign)| sign * value(*k)).sum::<f64>(), variance.sqrt()]
        };
        let middle = |k: usize| {
            let window = plan.bounds(k)[0];
            [window.x0 as f64 + window.nx as f64 / 2.0, window.y0 as f64 + window.ny as f64 / 2.0]
        };
        let vector = Array1::from_iter(wrong.iter().flat_map(|one| one.iter().copied().take(size)));
        let pairs = matched.pairs.iter().zip(&noise.middles);
        let steps: Vec<[f64; 2]> =
            pairs.map(|(pair, middle)| error(&[(pair.inputs[0], 1.0), (pair.inputs[1], -1.0)], *middle)).collect();
        let pixels: u64 = matched.pairs.iter().map(|pair| pair.pixels).sum();
        let squares = matched.pairs.iter().zip(&steps).map(|(pair, [step, _])| pair.pixels as f64 * step * step);
        Errors {
            seams: (squares.sum::<f64>() / pixels as f64).sqrt(),
            square: vector.dot(&noise.normal.dot(&vector)) / noise.square,
            freedom: ((count - 1) * size) as f64,
            corrections: (0..count).map(|k| error(&[(k, 1.0)], middle(k))).collect(),
            steps,
        }
    }

    /// Pixels in which slopes are counted, so that all numbers are about equal.
    fn unit(&self) -> f64 {
        0.5 * self.shape[0] as f64
    }

    /// Places in an overlap, even over it, and how many images have each.
    fn overlap(&self, plan: &Plan<'_>, pair: &Pair) -> Vec<([f64; 2], f64)> {
        const ALONG: usize = 48;
        let [a, b] = pair.inputs;
        let window = plan.bounds(a)[0].intersection(&plan.bounds(b)[0]).unwrap();
        let along = |first: usize, n: usize| {
            (0..ALONG).map(move |k| first as f64 - 0.5 + (k as f64 + 0.5) / ALONG as f64 * n as f64)
        };
        let (mut xs, mut ys): (Vec<f64>, Vec<f64>) =
            along(window.y0, window.ny).flat_map(|y| along(window.x0, window.nx).map(move |x| (x, y))).unzip();
        let places: Vec<[f64; 2]> = xs.iter().zip(&ys).map(|(x, y)| [*x, *y]).collect();
        self.target.pixel_to_celestial(&mut xs, &mut ys);
        let inside = |k: usize| -> Vec<bool> {
            let (image, wcs) = &self.images[k];
            let (mut x, mut y) = (xs.clone(), ys.clone());
            wcs.celestial_to_pixel(&mut x, &mut y);
            let within = |v: f64, n: usize| v >= -0.5 && v < n as f64 - 0.5;
            x.into_iter().zip(y).map(|(x, y)| within(x, image.ncols()) && within(y, image.nrows())).collect()
        };
        let mut images = vec![0.0; places.len()];
        for k in (0..self.images.len()).filter(|k| plan.bounds(*k)[0].intersection(&window).is_some()) {
            images.iter_mut().zip(inside(k)).for_each(|(images, there)| *images += f64::from(u8::from(there)));
        }
        let both = inside(a).into_iter().zip(inside(b)).map(|(a, b)| a && b);
        places.into_iter().zip(images).zip(both).filter(|(_, both)| *both).map(|(place, _)| place).collect()
    }

    fn noise(&self, plan: &Plan<'_>, matched: &PlaneBackgrounds, planes: bool) -> Noise {
        let (count, size) = (self.images.len(), if planes { 3 } else { 1 });
        let efficiency = if planes { 1.0 / 0.95 } else { std::f64::consts::FRAC_PI_2 };
        let (unit, centre) = (self.unit(), self.truth[0].centre);
        let mut normal = Array2::<f64>::zeros((count * size, count * size));
        let mut score = normal.clone();
        let mut middles = Vec::with_capacity(matched.pairs.len());
        for pair in &matched.pairs {
            let places = self.overlap(plan, pair);
            let n = places.len() as f64;
            middles.push([0, 1].map(|k| places.iter().map(|(place, _)| place[k]).sum::<f64>() / n));
            let weight = pair.pixels as f64 / (2.0 * efficiency * n);
            let mut blocks = [[[0.0; 3]; 3]; 2];
            for ([x, y], images) in places {
                let base = [1.0, (x - centre[0]) / unit, (y - centre[1]) / unit];
                for (block, weight) in blocks.iter_mut().zip([weight, weight * images / 2.0]) {
                    (0..9).for_each(|k| block[k / 3][k % 3] += weight * base[k / 3] * base[k % 3]);
                }
            }
            for (matrix, block) in [&mut normal, &mut score].into_iter().zip(blocks) {
                for (i, j, sign) in [(0, 0, 1.0), (1, 1, 1.0), (0, 1, -1.0), (1, 0, -1.0)] {
                    let [i, j] = [pair.inputs[i] * size, pair.inputs[j] * size];
                    let mut part = matrix.slice_mut(s![i..i + size, j..j + size]);
                    part.indexed_iter_mut().for_each(|((p, q), element)| *element += sign * block[p][q]);
                }
            }
        }
        // A common plane is free: it is given some stiffness, which is taken out again.
        let stiffness = normal.diag().sum() / (count * size) as f64;
        let common =
            Array2::from_shape_fn(normal.dim(), |(i, j)| f64::from(u8::from(i % size == j % size)) / count as f64);
        let mut pseudo = inverse(&normal + &common * stiffness);
        pseudo.scaled_add(-1.0 / stiffness, &common);
        let mixed = pseudo.dot(&score);
        Noise { square: mixed.diag().sum(), covariance: mixed.dot(&pseudo), normal, middles }
    }
}

/// Of a positive matrix, in place (Gauss and Jordan).
fn inverse(mut matrix: Array2<f64>) -> Array2<f64> {
    for k in 0..matrix.nrows() {
        let pivot = std::mem::replace(&mut matrix[[k, k]], 1.0);
        matrix.row_mut(k).mapv_inplace(|v| v / pivot);
        let row = matrix.row(k).to_owned();
        for (i, mut other) in matrix.rows_mut().into_iter().enumerate() {
            if i != k {
                let factor = std::mem::replace(&mut other[k], 0.0);
                other.scaled_add(-factor, &row);
            }
        }
    }
    matrix
}
