//! DeForest's adaptive kernel as it is defined: singular value decomposition by angles, pixel by pixel, from the exact map.

use std::f64::consts::PI;

use skymosaic::{Adaptive, AdaptiveKernel, Boundary, Flux, Missing, Options, PixelMap, Resample};

use super::Image;

pub(crate) struct Kernel {
    adaptive: Adaptive,
    missing: Missing,
    flux: Flux,
}

impl Kernel {
    pub(crate) fn new(options: &Options) -> Kernel {
        let Resample::Adaptive(adaptive) = options.resample else { panic!("{options:?}") };
        Kernel { adaptive, missing: options.missing, flux: options.flux }
    }
}

type Matrix = [[f64; 2]; 2];

fn times(a: Matrix, b: Matrix) -> Matrix {
    let entry = |i: usize, j: usize| a[i][0] * b[0][j] + a[i][1] * b[1][j];
    [[entry(0, 0), entry(0, 1)], [entry(1, 0), entry(1, 1)]]
}

fn transposed([[a, b], [c, d]]: Matrix) -> Matrix {
    [[a, c], [b, d]]
}

/// U, (s0, s1), V with M = U diag(s) Vᵀ, rotations U and V, and s1 < 0 if the matrix mirrors.
fn decompose([[a, b], [c, d]]: Matrix) -> (Matrix, [f64; 2], Matrix) {
    let (e, f, g, h) = ((a + d) / 2.0, (a - d) / 2.0, (c + b) / 2.0, (c - b) / 2.0);
    let (q, r) = (e.hypot(h), f.hypot(g));
    let (a1, a2) = (g.atan2(f), h.atan2(e));
    let rotation = |angle: f64| [[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]];
    (rotation((a2 + a1) / 2.0), [q + r, q - r], transposed(rotation((a2 - a1) / 2.0)))
}

/// Position and Jacobian (columns x, y) of an output pixel. No jumps here but by whole turns of an image that goes around.
fn linear(image: &Image, map: &dyn PixelMap, x: f64, y: f64, adaptive: &Adaptive) -> ([f64; 2], Matrix) {
    let at = |x: f64, y: f64| {
        let (mut x, mut y) = ([x], [y]);
        map.to_input(&mut x, &mut y);
        [x[0], y[0]]
    };
    let h = if adaptive.center_jacobian { 0.5 } else { 1.0 };
    let turns = |d: f64, n: usize, cyclic: bool| if cyclic { d - n as f64 * (d / n as f64).round() } else { d };
    let column = |dx: f64, dy: f64| {
        let [a, b, c] = [-1.0, 0.0, 1.0].map(|k| at(x + k * dx, y + k * dy));
        [0, 1].map(|axis| {
            let (n, cyclic) = [(image.nx, adaptive.x_cyclic), (image.ny, adaptive.y_cyclic)][axis];
            (turns(b[axis] - a[axis], n, cyclic) + turns(c[axis] - b[axis], n, cyclic)) / (2.0 * h)
        })
    };
    let (u, v) = (column(h, 0.0), column(0.0, h));
    (at(x, y), [[u[0], v[0]], [u[1], v[1]]])
}

fn square(j: Matrix) -> f64 {
    j.iter().flatten().map(|d| d * d).sum()
}

fn despiked(jacobians: &[Matrix], [ny, nx]: [usize; 2], y: usize, x: usize) -> Matrix {
    let own = jacobians[y * nx + x];
    let mut near = Vec::new();
    for j in y.saturating_sub(1)..(y + 2).min(ny) {
        for i in x.saturating_sub(1)..(x + 2).min(nx) {
            near.push(jacobians[j * nx + i]);
        }
    }
    let mut sizes: Vec<f64> = near.iter().map(|j| square(*j)).collect();
    sizes.sort_by(f64::total_cmp);
    let limit = 10.0 * sizes[sizes.len() / 4];
    if square(own) <= limit {
        return own;
    }
    near.retain(|j| square(*j) <= limit);
    let mean = |i: usize, j: usize| near.iter().map(|m| m[i][j]).sum::<f64>() / near.len() as f64;
    [[mean(0, 0), mean(0, 1)], [mean(1, 0), mean(1, 1)]]
}

/// The samples of ny × nx output pixels, NaN where there is none.
pub(crate) fn image(image: &Image, map: &dyn PixelMap, shape: [usize; 2], kernel: &Kernel) -> Vec<f64> {
    let [ny, nx] = shape;
    let place = |k: usize| linear(image, map, (k % nx) as f64, (k / nx) as f64, &kernel.adaptive);
    let places: Vec<_> = (0..ny * nx).map(place).collect();
    let jacobians: Vec<Matrix> = places.iter().map(|(_, jacobian)| *jacobian).collect();
    (0..ny * nx)
        .map(|k| {
            let despike = kernel.adaptive.despike_jacobian;
            let jacobian = if despike { despiked(&jacobians, shape, k / nx, k % nx) } else { jacobians[k] };
            sample(image, places[k].0, jacobian, kernel)
        })
        .collect()
}

fn sample(image: &Image, [x, y]: [f64; 2], jacobian: Matrix, kernel: &Kernel) -> f64 {
    let Kernel { adaptive, missing, flux } = kernel;
    let (u, s, v) = decompose(jacobian);
    let s = s.map(|s| s.abs().max(1.0).copysign(s));
    let padded = times(times(u, [[s[0], 0.0], [0.0, s[1]]]), transposed(v));
    let inverse = times(times(v, [[1.0 / s[0], 0.0], [0.0, 1.0 / s[1]]]), transposed(u));
    let [rx, ry] = match adaptive.kernel {
        AdaptiveKernel::Hann => padded.map(|row| row[0].abs() + row[1].abs()),
        _ => [0.5 * adaptive.sample_region_width * s[0].abs().max(s[1].abs()); 2],
    };
    if !(x + y + rx + ry).is_finite() {
        return f64::NAN;
    }
    let weight = |i: isize, j: isize| {
        let d = [i as f64 - x, j as f64 - y];
        let u = inverse.map(|row| row[0] * d[0] + row[1] * d[1]);
        match adaptive.kernel {
            AdaptiveKernel::Hann if u[0].abs() >= 1.0 || u[1].abs() >= 1.0 => 0.0,
            AdaptiveKernel::Hann => ((PI * u[0]).cos() + 1.0) * ((PI * u[1]).cos() + 1.0),
            _ => (-2.0 * (u[0] * u[0] + u[1] * u[1]) / adaptive.kernel_width.powi(2)).exp(),
        }
    };
    let (ny, nx) = (image.ny as isize, image.nx as isize);
    let (columns, rows) =
        ((x - rx).ceil() as isize..=(x + rx).floor() as isize, (y - ry).ceil() as isize..=(y + ry).floor() as isize);
    let touches = (adaptive.x_cyclic || *columns.end() >= 0 && *columns.start() < nx)
        && (adaptive.y_cyclic || *rows.end() >= 0 && *rows.start() < ny);
    let (mut sum, mut there, mut gone, mut outside) = (0.0, 0.0, 0.0, 0.0);
    for j in rows {
        for i in columns.clone() {
            let w = weight(i, j);
            let beyond = !adaptive.x_cyclic && (i < 0 || i >= nx) || !adaptive.y_cyclic && (j < 0 || j >= ny);
            let place = |i: isize, n: isize, cyclic: bool| if cyclic { i.rem_euclid(n) } else { i.clamp(0, n - 1) };
            let mut pixel = image.at(place(j, ny, adaptive.y_cyclic), place(i, nx, adaptive.x_cyclic));
            if !pixel.is_finite() {
                pixel = adaptive.bad_fill.unwrap_or(pixel);
            }
            match adaptive.boundary {
                Boundary::Strict if beyond => return f64::NAN,
                Boundary::Constant { value } | Boundary::GridConstant { value } if beyond => pixel = value,
                Boundary::Ignore if beyond => continue,
                Boundary::IgnoreThreshold { .. } if beyond => {
                    outside += w;
                    continue;
                }
                _ => {}
            }
            if w == 0.0 {
            } else if pixel.is_finite() || *missing == Missing::Propagate {
                sum += w * pixel;
                there += w;
            } else {
                gone += w;
            }
        }
    }
    match adaptive.boundary {
        Boundary::GridConstant { value } if !touches => return value,
        Boundary::Constant { .. } if !touches => return f64::NAN,
        Boundary::IgnoreThreshold { threshold } if outside > threshold * (outside + there) => return f64::NAN,
        _ => {}
    }
    if let Missing::Renormalize { min_weight } = *missing
        && there < min_weight * (there + gone)
    {
        return f64::NAN;
    }
    let det = jacobian[0][0] * jacobian[1][1] - jacobian[0][1] * jacobian[1][0];
    sum / there * if *flux == Flux::Conserve { det.abs() } else { 1.0 }
}
