//! Drizzle, input pixel after input pixel, each against every output pixel: a quadrilateral clipped by the sides of a square.

use super::{Image, Map};

/// The kernels; the names are those of `skymosaic::DrizzleKernel`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kernel {
    Square,
    Point,
    Turbo,
    Gaussian,
}

type Point = [f64; 2];

fn area(polygon: &[Point]) -> f64 {
    let cross = |k: usize| {
        let (p, q) = (polygon[k], polygon[(k + 1) % polygon.len()]);
        p[0] * q[1] - p[1] * q[0]
    };
    0.5 * (0..polygon.len()).map(cross).sum::<f64>()
}

/// What a polygon and the square of side 1 around (x, y) share.
fn shared(polygon: &[Point], x: f64, y: f64) -> f64 {
    let mut left: Vec<Point> = polygon.iter().map(|p| [p[0] - x, p[1] - y]).collect();
    for (axis, sign) in [(0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0)] {
        let inside = |p: Point| 0.5 - sign * p[axis];
        let mut out = Vec::new();
        for k in 0..left.len() {
            let (p, q) = (left[k], left[(k + 1) % left.len()]);
            let (hp, hq) = (inside(p), inside(q));
            if hp >= 0.0 {
                out.push(p);
            }
            if hp * hq < 0.0 {
                let t = hp / (hp - hq);
                out.push([p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])]);
            }
        }
        left = out;
    }
    area(&left).abs()
}

/// Value and weight of each of ny × nx output pixels; `map` goes from input to output.
pub(crate) fn drizzle(
    image: &Image,
    weights: Option<&[f64]>,
    map: Map<'_>,
    [ny, nx]: [usize; 2],
    kernel: Kernel,
    pixfrac: f64,
) -> Vec<Option<(f64, f64)>> {
    let mut sums = vec![(0.0, 0.0); ny * nx];
    for (k, value) in image.pixels.iter().enumerate() {
        let (i, j) = ((k % image.nx) as f64, (k / image.nx) as f64);
        let weight = weights.map_or(1.0, |weights| weights[k]);
        if value.is_nan() || weight.is_nan() || weight <= 0.0 {
            continue;
        }
        let quad = |side: f64| {
            [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]].map(|[u, v]| {
                let (x, y) = map(i + 0.5 * side * u, j + 0.5 * side * v);
                [x, y]
            })
        };
        let drop = quad(if kernel == Kernel::Square { pixfrac } else { 1.0 });
        let whole = area(&drop).abs();
        let (x, y) = map(i, j);
        let ratio = whole.powf(-0.5);
        for (q, (sum, total)) in sums.iter_mut().enumerate() {
            let (qx, qy) = ((q % nx) as f64, (q / nx) as f64);
            let part = match kernel {
                Kernel::Square => shared(&drop, qx, qy) / whole,
                Kernel::Point => f64::from(u8::from(x.round() == qx && y.round() == qy)),
                Kernel::Turbo => {
                    let half = 0.5 * pixfrac / ratio;
                    let side = |c: f64, q: f64| ((c + half).min(q + 0.5) - (c - half).max(q - 0.5)).max(0.0);
                    side(x, qx) * side(y, qy) / (2.0 * half).powi(2)
                }
                Kernel::Gaussian => {
                    let reach = (2.5 * pixfrac / 2.3548).max(1.2) / ratio;
                    let within = |c: f64, q: f64| (c - reach).round() <= q && q <= (c + reach).round();
                    let e = 2.3548_f64.powi(2) * ratio * ratio / (2.0 * pixfrac * pixfrac);
                    let r2 = (x - qx).powi(2) + (y - qy).powi(2);
                    if within(x, qx) && within(y, qy) { e / std::f64::consts::PI * (-e * r2).exp() } else { 0.0 }
                }
            };
            // Less is rounding.
            if part > 1e-12 {
                *sum += part * weight * value;
                *total += part * weight;
            }
        }
    }
    sums.into_iter().map(|(sum, weight)| (weight > 0.0).then(|| (sum / weight, weight))).collect()
}
