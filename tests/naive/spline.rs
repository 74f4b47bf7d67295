//! B-splines as scipy computes them: the recursive filter over the whole image with mirrored edges.

use super::{Image, convolution::mirrored};

/// The basis spline of degree 2 or 3.
pub(crate) fn basis(degree: usize, d: f64) -> f64 {
    let d = d.abs();
    match degree {
        2 if d < 0.5 => 0.75 - d * d,
        2 if d < 1.5 => 0.5 * (1.5 - d).powi(2),
        3 if d < 1.0 => 2.0 / 3.0 - d * d + 0.5 * d.powi(3),
        3 if d < 2.0 => (2.0 - d).powi(3) / 6.0,
        _ => 0.0,
    }
}

/// Mean of the basis spline over a box, by Simpson's rule on pieces without knots inside: exact for cubic pieces.
pub(crate) fn averaged(degree: usize, d: f64, width: f64) -> f64 {
    let (low, high) = (d - 0.5 * width, d + 0.5 * width);
    let mut cuts = vec![low, high];
    cuts.extend((-4..=4).map(|k| f64::from(k) / 2.0).filter(|k| *k > low && *k < high));
    cuts.sort_by(f64::total_cmp);
    let f = |x| basis(degree, x);
    let piece = |a: f64, b: f64| (b - a) / 6.0 * (f(a) + 4.0 * f(0.5 * (a + b)) + f(b));
    cuts.windows(2).map(|ends| piece(ends[0], ends[1])).sum::<f64>() / width
}

/// Coefficients; NaN on missing pixels, which are filled from the nearest pixels in the four directions, at most 28 away.
pub(crate) fn coefficients(image: &Image, degree: usize) -> Image {
    let pole = if degree == 2 { 8.0_f64.sqrt() - 3.0 } else { 3.0_f64.sqrt() - 2.0 };
    let (ny, nx) = (image.ny, image.nx);
    let mut values: Vec<f64> = (0..ny * nx).map(|k| filled(image, k / nx, k % nx)).collect();
    for x in 0..nx {
        let column: Vec<f64> = (0..ny).map(|y| values[y * nx + x]).collect();
        filter(&column, pole).into_iter().enumerate().for_each(|(y, c)| values[y * nx + x] = c);
    }
    for row in values.chunks_mut(nx) {
        let filtered = filter(row, pole);
        row.copy_from_slice(&filtered);
    }
    values.iter_mut().zip(&image.pixels).filter(|(_, p)| !p.is_finite()).for_each(|(c, _)| *c = f64::NAN);
    Image::new(values, ny, nx)
}

fn filled(image: &Image, y: usize, x: usize) -> f64 {
    let pixel = image.at(y as isize, x as isize);
    if pixel.is_finite() {
        return pixel;
    }
    let (mut sum, mut weight) = (0.0, 0.0);
    for (dy, dx) in [(0, -1), (0, 1), (-1, 0), (1, 0)] {
        let found = (1..=28).find(|d| image.at(y as isize + d * dy, x as isize + d * dx).is_finite());
        if let Some(d) = found {
            sum += image.at(y as isize + d * dy, x as isize + d * dx) / d as f64;
            weight += 1.0 / d as f64;
        }
    }
    if weight > 0.0 { sum / weight } else { 0.0 }
}

/// Causal, then anticausal recursion; the start by the sum over the mirrored line.
fn filter(p: &[f64], z: f64) -> Vec<f64> {
    let n = p.len();
    if n == 1 {
        return p.to_vec();
    }
    let gain = (1.0 - z) * (1.0 - 1.0 / z);
    let mut c: Vec<f64> = p.iter().map(|p| gain * p).collect();
    c[0] = (0..60).map(|k| gain * p[mirrored(k, n) as usize] * z.powi(k as i32)).sum();
    for k in 1..n {
        c[k] += z * c[k - 1];
    }
    c[n - 1] = z / (z * z - 1.0) * (c[n - 1] + z * c[n - 2]);
    for k in (0..n - 1).rev() {
        c[k] = z * (c[k + 1] - c[k]);
    }
    c
}
