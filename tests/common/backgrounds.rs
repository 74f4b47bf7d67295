//! A field of images whose backgrounds are known, and how well they can be found.
//!
//! ```text
//! an overlap of N pixels gives the difference of two backgrounds to a variance 2 c² σ² / N, and its slopes to that over their second moments
//! c² = π/2 for a median, 1/0.95 for the biweight; resampling smooths noise but leaves sums over an area as they are
//! least squares over all overlaps: the covariance of all corrections is the pseudo-inverse of the matrix of its normal equations
//! ```

use ndarray::{Array2, s};
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
        let background = Correction {
            offset: random.between(-offset, offset),
            slope: [random.between(-slope, slope), random.between(-slope, slope)],
            centre,
        };
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

/// Errors of what has been found, each over the deviation that noise gives it.
pub(crate) struct Errors {
    /// Of the corrections, at the centres of their images, but for the common plane that nothing can tell.
    pub(crate) corrections: Vec<[f64; 2]>,
    /// Of the steps that are left at the centres of the overlaps.
    pub(crate) steps: Vec<[f64; 2]>,
}

/// Root mean square and largest size.
pub(crate) fn spread(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    let count = values.clone().count() as f64;
    let square = values.clone().map(|v| v * v).sum::<f64>();
    [(square / count).sqrt(), values.fold(0.0, |largest, v| largest.max(v.abs()))]
}

impl Field {
    /// `matched` are constants, or planes.
    pub(crate) fn errors(&self, plan: &Plan<'_, '_>, matched: &PlaneBackgrounds, planes: bool) -> Errors {
        assert_eq!(matched.groups.len(), 1);
        let count = self.images.len();
        let wrong = matched.corrections.iter().zip(&self.truth);
        let wrong: Vec<[f64; 3]> = wrong
            .map(|(got, truth)| {
                [got.offset - truth.offset, got.slope[0] - truth.slope[0], got.slope[1] - truth.slope[1]]
            })
            .collect();
        let common: [f64; 3] = std::array::from_fn(|k| wrong.iter().map(|one| one[k]).sum::<f64>() / count as f64);
        let limit = self.covariance(plan, matched, planes);
        let size = if planes { 3 } else { 1 };
        let base = |[x, y]: [f64; 2]| [1.0, x - self.truth[0].centre[0], y - self.truth[0].centre[1]];
        let error = |at: &[(usize, f64)], place: [f64; 2]| {
            let base = base(place);
            let own: f64 = at
                .iter()
                .map(|(k, sign)| sign * (0..3).map(|p| base[p] * (wrong[*k][p] - common[p])).sum::<f64>())
                .sum();
            let mut variance = 0.0;
            for (i, si) in at {
                for (j, sj) in at {
                    let block = limit.slice(s![i * size..(i + 1) * size, j * size..(j + 1) * size]);
                    variance += si * sj * block.indexed_iter().map(|((p, q), c)| base[p] * base[q] * c).sum::<f64>();
                }
            }
            [own, variance.sqrt()]
        };
        let centre = |k: usize| {
            let window = plan.bounds(k)[0];
            [window.x0 as f64 + window.nx as f64 / 2.0, window.y0 as f64 + window.ny as f64 / 2.0]
        };
        Errors {
            corrections: (0..count).map(|k| error(&[(k, 1.0)], centre(k))).collect(),
            steps: matched
                .pairs
                .iter()
                .map(|pair| error(&[(pair.inputs[0], 1.0), (pair.inputs[1], -1.0)], self.overlap(plan, pair)[0]))
                .collect(),
        }
    }

    /// Mean position and second moments xx, xy, yy of an overlap, the latter as [xx, xy], [xy, yy].
    fn overlap(&self, plan: &Plan<'_, '_>, pair: &Pair) -> [[f64; 2]; 3] {
        let [a, b] = pair.inputs;
        let window = plan.bounds(a)[0].intersection(&plan.bounds(b)[0]).unwrap();
        let along =
            |first: usize, n: usize| (0..48).map(move |k| first as f64 - 0.5 + (f64::from(k) + 0.5) / 48.0 * n as f64);
        let (mut xs, mut ys): (Vec<f64>, Vec<f64>) =
            along(window.y0, window.ny).flat_map(|y| along(window.x0, window.nx).map(move |x| (x, y))).unzip();
        let places: Vec<[f64; 2]> = xs.iter().zip(&ys).map(|(x, y)| [*x, *y]).collect();
        self.target.pixel_to_celestial(&mut xs, &mut ys);
        let inside = |k: usize| {
            let (image, wcs) = &self.images[k];
            let (mut x, mut y) = (xs.clone(), ys.clone());
            wcs.celestial_to_pixel(&mut x, &mut y);
            let within = move |v: f64, n: usize| v >= -0.5 && v < n as f64 - 0.5;
            let [ny, nx] = [image.nrows(), image.ncols()];
            x.into_iter().zip(y).map(move |(x, y)| within(x, nx) && within(y, ny)).collect::<Vec<bool>>()
        };
        let both = inside(a).into_iter().zip(inside(b)).map(|(a, b)| a && b);
        let there: Vec<[f64; 2]> =
            places.into_iter().zip(both).filter(|(_, both)| *both).map(|(place, _)| place).collect();
        let n = there.len() as f64;
        let mean = [0, 1].map(|k| there.iter().map(|p| p[k]).sum::<f64>() / n);
        let moment = |i: usize, j: usize| there.iter().map(|p| (p[i] - mean[i]) * (p[j] - mean[j])).sum::<f64>() / n;
        [mean, [moment(0, 0), moment(0, 1)], [moment(1, 0), moment(1, 1)]]
    }

    /// The covariance of all corrections (value at the centre of the target; slopes), in order of the inputs, that noise of deviation 1 gives them.
    fn covariance(&self, plan: &Plan<'_, '_>, matched: &PlaneBackgrounds, planes: bool) -> Array2<f64> {
        let (count, size) = (self.images.len(), if planes { 3 } else { 1 });
        let efficiency = if planes { 1.0 / 0.95 } else { std::f64::consts::FRAC_PI_2 };
        let centre = self.truth[0].centre;
        // Slopes in units that make all numbers about equal.
        let unit = 0.5 * self.shape[0] as f64;
        let mut normal = Array2::<f64>::zeros((count * size, count * size));
        for pair in &matched.pairs {
            let [mean, x, y] = self.overlap(plan, pair);
            let base = [1.0, (mean[0] - centre[0]) / unit, (mean[1] - centre[1]) / unit];
            let weight = pair.pixels as f64 / (2.0 * efficiency);
            for p in 0..size {
                for q in 0..size {
                    let moment = if p > 0 && q > 0 { [x, y][p - 1][q - 1] / (unit * unit) } else { 0.0 };
                    let element = weight * (base[p] * base[q] + moment);
                    for (i, j, sign) in [(0, 0, 1.0), (1, 1, 1.0), (0, 1, -1.0), (1, 0, -1.0)] {
                        normal[[pair.inputs[i] * size + p, pair.inputs[j] * size + q]] += sign * element;
                    }
                }
            }
        }
        // A common plane is free: it is given some stiffness, which is taken out again.
        let stiffness = normal.diag().sum() / (count * size) as f64;
        let common =
            Array2::from_shape_fn(normal.dim(), |(i, j)| f64::from(u8::from(i % size == j % size)) / count as f64);
        normal.scaled_add(stiffness, &common);
        let mut covariance = inverse(normal);
        covariance.scaled_add(-1.0 / stiffness, &common);
        let scale = |k: usize| if k % size > 0 { 1.0 / unit } else { 1.0 };
        covariance.indexed_iter_mut().for_each(|((i, j), c)| *c *= scale(i) * scale(j));
        covariance
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
