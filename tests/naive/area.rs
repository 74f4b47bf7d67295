//! Overlap of pixels as polygons on the sphere: every input pixel against every output pixel, clipped by the planes of great circles.

use skymosaic::Wcs;

use super::{Image, Missing};

pub(crate) type Vector = [f64; 3];

fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn minus(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn unit(v: Vector) -> Vector {
    v.map(|c| c / dot(v, v).sqrt())
}

/// Directions of the corners (i - 1/2, j - 1/2), nx + 1 in a row.
pub(crate) fn corners(wcs: &Wcs, [ny, nx]: [usize; 2]) -> Vec<Vector> {
    let points = (0..=ny).flat_map(|j| (0..=nx).map(move |i| (i as f64 - 0.5, j as f64 - 0.5)));
    let (mut x, mut y): (Vec<f64>, Vec<f64>) = points.unzip();
    wcs.pixel_to_celestial(&mut x, &mut y);
    let vector = |lon: &f64, lat: &f64| {
        let ((a, b), (c, d)) = (lon.to_radians().sin_cos(), lat.to_radians().sin_cos());
        [d * b, d * a, c]
    };
    x.iter().zip(&y).map(|(lon, lat)| vector(lon, lat)).collect()
}

/// The four corners of a pixel, anticlockwise as seen from outside; `None` if one of them is undefined.
fn pixel(corners: &[Vector], nx: usize, k: usize) -> Option<Vec<Vector>> {
    let at = k / nx * (nx + 1) + k % nx;
    let mut quad = vec![corners[at], corners[at + 1], corners[at + nx + 2], corners[at + nx + 1]];
    if quad.iter().flatten().any(|c| c.is_nan()) {
        return None;
    }
    if area(&quad) < 0.0 {
        quad.reverse();
    }
    Some(quad)
}

/// Signed area of a polygon, as a fan of triangles: tan(E/2) = a·(b × c) / (1 + a·b + b·c + c·a).
fn area(polygon: &[Vector]) -> f64 {
    (2..polygon.len())
        .map(|k| {
            let (a, b, c) = (polygon[0], polygon[k - 1], polygon[k]);
            let volume = dot(a, cross(minus(b, a), minus(c, a)));
            2.0 * (volume / (1.0 + dot(a, b) + dot(b, c) + dot(c, a))).atan()
        })
        .sum()
}

/// What two polygons share: one clipped by the plane through each side of the other.
fn overlap(subject: &[Vector], by: &[Vector]) -> f64 {
    // The clipping by planes does not know the far side of the sphere.
    let middle = |p: &[Vector]| unit(p.iter().fold([0.0; 3], |s, v| [s[0] + v[0], s[1] + v[1], s[2] + v[2]]));
    if dot(middle(subject), middle(by)) < 0.0 {
        return 0.0;
    }
    let mut polygon = subject.to_vec();
    for (k, a) in by.iter().enumerate() {
        let along = minus(by[(k + 1) % by.len()], *a);
        if dot(along, along).sqrt() < 1e-13 {
            continue;
        }
        let normal = unit(cross(*a, along));
        let height = |v: Vector| dot(minus(v, *a), normal);
        let mut out = Vec::new();
        for (i, p) in polygon.iter().enumerate() {
            let q = polygon[(i + 1) % polygon.len()];
            let (hp, hq) = (height(*p), height(q));
            if hp >= 0.0 {
                out.push(*p);
            }
            if hp * hq < 0.0 {
                let t = hp / (hp - hq);
                out.push(unit([0, 1, 2].map(|c| p[c] + t * (q[c] - p[c]))));
            }
        }
        polygon = out;
    }
    area(&polygon).abs()
}

/// Value and coverage of each of ny × nx output pixels.
pub(crate) fn exact(
    image: &Image,
    input: &Wcs,
    target: &Wcs,
    [ny, nx]: [usize; 2],
    missing: Missing,
) -> Vec<Option<(f64, f64)>> {
    let (input, target) = (corners(input, [image.ny, image.nx]), corners(target, [ny, nx]));
    let pixels: Vec<_> = (0..image.ny * image.nx).map(|k| pixel(&input, image.nx, k)).collect();
    let sample = |k: usize| {
        let output = pixel(&target, nx, k)?;
        let whole = area(&output);
        let (mut sum, mut there, mut gone) = (0.0, 0.0, 0.0);
        for (value, pixel) in image.pixels.iter().zip(&pixels) {
            let Some(pixel) = pixel else { continue };
            let a = overlap(pixel, &output);
            // Less is rounding.
            if a < 1e-9 * whole {
            } else if value.is_nan() {
                gone += a;
            } else {
                sum += a * value;
                there += a;
            }
        }
        let enough = match missing {
            Missing::Propagate => gone == 0.0,
            Missing::Renormalize { min_weight } => there >= min_weight * (there + gone),
        };
        (enough && there > 0.0).then(|| (sum / there, there / whole))
    };
    (0..ny * nx).map(sample).collect()
}
