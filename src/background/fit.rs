//! The differences between two inputs → a constant or a plane.
//!
//! The constant is the median, as in reproject. The plane is an MM-estimate (Yohai 1987): it starts from the plane through three of the
//! medians of up to 8 × 8 cells of the overlap that leaves the least median absolute residual (Rousseeuw 1984), which nearly half of
//! the overlap may spoil, and goes on by least squares with Tukey's biweight, iteratively reweighted (Holland & Welsch 1977), which leaves out what one
//! input has and the other has not. The scale is 1.4826 times the median absolute residual.

use super::{hash::mix, triangle::Triangle};

/// A difference at an output pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Difference {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) value: f64,
}

/// What the differences of a pair come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fit {
    /// Mean position of the overlap's pixels; for a constant the centre of the target.
    pub(super) centre: [f64; 2],
    /// Value at the centre, slope in x and in y.
    pub(super) value: [f64; 3],
    /// Second moments xx, xy, yy of the positions about their mean, for directions in which the slope is determined.
    pub(super) moments: [f64; 3],
}

/// Standard deviation, in pixels, of the positions along a direction below which they say nothing about the slope there: one row has none,
/// two rows have 0.5.
const NARROW: f64 = 0.3;
/// Cells along each axis, and how many threes of them are tried: among 300, one without an outlier is all but certain.
const CELLS: usize = 8;
const TRIALS: u64 = 300;
/// Tukey's constant: 95 % efficient where the differences are Gaussian.
const TUKEY: f64 = 4.685;
const ITERATIONS: usize = 50;

/// The middle value, or the mean of the two middle ones; `None` of nothing. Reorders the values.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    let half = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let odd = values.len() % 2 == 1;
    let (below, &mut upper, _) = values.select_nth_unstable_by(half, f64::total_cmp);
    let lower = below.iter().copied().max_by(f64::total_cmp).filter(|_| !odd);
    Some(lower.map_or(upper, |lower| (lower + upper) / 2.0))
}

/// Of differences in any order. `centre` is that of the target.
pub(super) fn constant(differences: &[Difference], centre: [f64; 2]) -> Option<Fit> {
    let mut values: Vec<f64> = differences.iter().map(|difference| difference.value).collect();
    Some(Fit { centre, value: [median(&mut values)?, 0.0, 0.0], moments: [0.0; 3] })
}

/// Of differences in any order, which are put in order of their pixels: sums depend on it.
pub(super) fn plane(differences: &mut [Difference]) -> Option<Fit> {
    differences.sort_unstable_by_key(|difference| (difference.y, difference.x));
    let n = differences.len() as f64;
    let largest = differences.iter().fold(0.0, |largest: f64, difference| largest.max(difference.value.abs()));
    let sum = |of: &dyn Fn(&Difference) -> f64| differences.iter().map(of).sum::<f64>();
    let centre = [sum(&|d| f64::from(d.x)) / n, sum(&|d| f64::from(d.y)) / n];
    let offset = |d: &Difference| [f64::from(d.x) - centre[0], f64::from(d.y) - centre[1]];
    let moment = |a: usize, b: usize| sum(&|d| offset(d)[a] * offset(d)[b]) / n;
    let axes = Axes::of([moment(0, 0), moment(0, 1), moment(1, 1)]);
    let lengths = axes.variances.map(f64::sqrt);
    let free = lengths.map(|length| length > NARROW);
    // Value, and slopes along the principal axes in units of the overlap's extent along them.
    let base = |d: &Difference| {
        let along = axes.along(offset(d));
        let scaled = |k: usize| if free[k] { along[k] / lengths[k] } else { 0.0 };
        [1.0, scaled(0), scaled(1)]
    };
    let bases: Vec<[f64; 3]> = differences.iter().map(base).collect();
    // Rounding of the differences, where they have no noise.
    let floor = 1e-13 * largest;
    let mut fitted = start(differences, &bases)?;
    let mut work = Vec::with_capacity(differences.len());
    for _ in 0..ITERATIONS {
        let residuals = differences.iter().zip(&bases).map(|(d, base)| d.value - dot(&fitted, base));
        work.clear();
        work.extend(residuals.clone().map(f64::abs));
        let scale = (1.4826 * median(&mut work)?).max(floor);
        if scale == 0.0 {
            break;
        }
        let weights = residuals.clone().map(|residual| tukey(residual.abs() / scale));
        let step = least_squares(weights.zip(residuals).zip(&bases));
        (0..3).for_each(|k| fitted[k] += step[k]);
        // Far below what the noise leaves undecided.
        if step.iter().all(|step| step.abs() <= 1e-3 * scale / n.sqrt()) {
            break;
        }
    }
    let slopes = [0, 1].map(|k| if free[k] { fitted[k + 1] / lengths[k] } else { 0.0 });
    let [slope_x, slope_y] = axes.back(slopes);
    let determined = Axes { variances: [0, 1].map(|k| if free[k] { axes.variances[k] } else { 0.0 }), ..axes };
    Some(Fit { centre, value: [fitted[0], slope_x, slope_y], moments: determined.moments() })
}

/// The plane with the least median residual among those through three medians of cells; the median where there are too few.
fn start(differences: &[Difference], bases: &[[f64; 3]]) -> Option<[f64; 3]> {
    let range = |k: usize| bases.iter().fold([0.0_f64; 2], |[low, high], base| [low.min(base[k]), high.max(base[k])]);
    let ranges = [range(1), range(2)];
    let cell = |base: &[f64; 3]| {
        let place = |k: usize| match ranges[k] {
            [low, high] if high > low => ((base[k + 1] - low) / (high - low) * CELLS as f64) as usize,
            _ => 0,
        };
        place(0).min(CELLS - 1) * CELLS + place(1).min(CELLS - 1)
    };
    let mut cells = vec![(Vec::new(), [0.0; 3]); CELLS * CELLS];
    for (difference, base) in differences.iter().zip(bases) {
        let (values, sum) = &mut cells[cell(base)];
        values.push(difference.value);
        (0..3).for_each(|k| sum[k] += base[k]);
    }
    let mut medians = Vec::with_capacity(cells.len());
    for (values, sum) in &mut cells {
        let count = values.len() as f64;
        medians.extend(median(values).map(|value| (value, sum.map(|sum| sum / count))));
    }
    let mut work: Vec<f64> = medians.iter().map(|(value, _)| *value).collect();
    let mut best = [median(&mut work)?, 0.0, 0.0];
    let mut left = f64::INFINITY;
    for trial in 0..TRIALS {
        let pick = |which: u64| medians[(mix(3 * trial + which + 1) % medians.len() as u64) as usize];
        let three = [pick(0), pick(1), pick(2)];
        let found = least_squares(three.iter().map(|(value, base)| ((1.0, *value), base)));
        work.clear();
        work.extend(medians.iter().map(|(value, base)| (value - dot(&found, base)).abs()));
        let median = median(&mut work)?;
        if median < left {
            (best, left) = (found, median);
        }
    }
    Some(best)
}

/// The plane that fits values best, of ((weight, value), base).
fn least_squares<'b>(points: impl Iterator<Item = ((f64, f64), &'b [f64; 3])>) -> [f64; 3] {
    let (mut normal, mut right) = ([[0.0; 3]; 3], [0.0; 3]);
    for ((weight, value), base) in points {
        for a in 0..3 {
            right[a] += weight * base[a] * value;
            for b in 0..=a {
                normal[a][b] += weight * base[a] * base[b];
            }
        }
    }
    Triangle::of(&normal).solve(right)
}

fn tukey(deviation: f64) -> f64 {
    (1.0 - (deviation / TUKEY).powi(2)).max(0.0).powi(2)
}

fn dot(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The principal axes of a cloud of positions: variances along (cos, sin) and (-sin, cos), the larger one first.
#[derive(Clone, Copy)]
struct Axes {
    cos: f64,
    sin: f64,
    variances: [f64; 2],
}

impl Axes {
    fn of([xx, xy, yy]: [f64; 3]) -> Axes {
        let (half, middle) = (0.5 * (xx - yy), 0.5 * (xx + yy));
        let radius = (half * half + xy * xy).sqrt();
        // The half angle from square roots alone, which are the same on every machine; trigonometric functions are not.
        let (cos, sin) = if radius > 0.0 {
            let cos = (0.5 * (1.0 + half / radius)).max(0.0).sqrt();
            let sin = (0.5 * (1.0 - half / radius)).max(0.0).sqrt();
            (cos, if xy < 0.0 { -sin } else { sin })
        } else {
            (1.0, 0.0)
        };
        Axes { cos, sin, variances: [middle + radius, (middle - radius).max(0.0)] }
    }

    fn along(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.cos * x + self.sin * y, self.cos * y - self.sin * x]
    }

    fn back(&self, [p, q]: [f64; 2]) -> [f64; 2] {
        [self.cos * p - self.sin * q, self.sin * p + self.cos * q]
    }

    fn moments(&self) -> [f64; 3] {
        let (Axes { cos, sin, variances: [p, q] }, cross) = (self, self.cos * self.sin);
        [cos * cos * p + sin * sin * q, cross * (p - q), sin * sin * p + cos * cos * q]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(x0: u32, y0: u32, nx: u32, ny: u32, value: impl Fn(f64, f64) -> f64) -> Vec<Difference> {
        let rows = (y0..y0 + ny).flat_map(|y| (x0..x0 + nx).map(move |x| (x, y)));
        rows.map(|(x, y)| Difference { x, y, value: value(f64::from(x), f64::from(y)) }).collect()
    }

    #[test]
    fn medians() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0]), Some(3.0));
        assert_eq!(median(&mut [4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&mut [5.0, -1.0, 9.0]), Some(5.0));
    }

    #[test]
    fn a_plane_is_found_under_outliers() {
        // A third of one side is spoilt.
        let mut differences =
            grid(900, 300, 40, 90, |x, y| if y > 365.0 && x > 905.0 { 400.0 } else { 7.0 + 0.03 * x - 0.2 * y });
        let Fit { centre: [cx, cy], value, moments } = plane(&mut differences).unwrap();
        println!("{value:?} {moments:?}");
        assert!((value[0] - (7.0 + 0.03 * cx - 0.2 * cy)).abs() < 1e-9, "{value:?}");
        assert!((value[1] - 0.03).abs() < 1e-10 && (value[2] + 0.2).abs() < 1e-10, "{value:?}");
        assert!((moments[0] - (1600.0 - 1.0) / 12.0).abs() < 1e-6 && (moments[2] - (8100.0 - 1.0) / 12.0).abs() < 1e-6);
    }

    #[test]
    fn slopes_that_nothing_determines_are_zero() {
        let row = plane(&mut grid(10, 20, 50, 1, |x, _| 1.0 + 0.5 * x)).unwrap();
        assert!((row.value[1] - 0.5).abs() < 1e-12 && row.value[2] == 0.0 && row.moments[2] == 0.0, "{row:?}");
        // A diagonal line.
        let mut line = grid(0, 0, 30, 30, |x, y| x + y);
        line.retain(|d| d.x == d.y);
        let line = plane(&mut line).unwrap();
        assert!((line.value[1] - 1.0).abs() < 1e-12 && (line.value[2] - 1.0).abs() < 1e-12, "{line:?}");
        let point = plane(&mut grid(5, 5, 1, 1, |_, _| -3.0)).unwrap();
        assert_eq!((point.value, point.moments), ([-3.0, 0.0, 0.0], [0.0; 3]));
        assert_eq!(plane(&mut []), None);
        assert_eq!(plane(&mut grid(0, 0, 9, 9, |_, _| 0.0)).unwrap().value, [0.0; 3]);
    }
}
