//! The smallest rectangle around points: one of its sides lies along a side of their convex hull (Freeman & Shapira 1975).

/// The angle in radians, above -π/4 and at most π/4, from the x axis to a side of the rectangle of the smallest area around the points.
pub(crate) fn smallest_rectangle(points: Vec<[f64; 2]>) -> f64 {
    let hull = convex_hull(points);
    let mut best = (f64::INFINITY, 0.0);
    for (i, a) in hull.iter().enumerate() {
        let Some(b) = hull.get((i + 1) % hull.len()) else { continue };
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let length = dx.hypot(dy);
        if length == 0.0 {
            continue;
        }
        let (cos, sin) = (dx / length, dy / length);
        let span = |project: &dyn Fn(&[f64; 2]) -> f64| {
            let values = hull.iter().map(project);
            let (min, max) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
            max - min
        };
        let area = span(&|p| cos * p[0] + sin * p[1]) * span(&|p| cos * p[1] - sin * p[0]);
        if area < best.0 {
            best = (area, dy.atan2(dx));
        }
    }
    let quarter = std::f64::consts::FRAC_PI_2;
    let angle = best.1.rem_euclid(quarter);
    if angle > quarter / 2.0 { angle - quarter } else { angle }
}

/// The corners of the convex hull, counterclockwise (Andrew 1979).
pub(crate) fn convex_hull(mut points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    points.dedup();
    if points.len() < 3 {
        return points;
    }
    let half = |points: &mut dyn Iterator<Item = [f64; 2]>| {
        let mut chain: Vec<[f64; 2]> = Vec::new();
        for p in points {
            while let [.., a, b] = chain[..] {
                if (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0.0 {
                    break;
                }
                chain.pop();
            }
            chain.push(p);
        }
        chain.pop();
        chain
    };
    let mut hull = half(&mut points.iter().copied());
    hull.extend(half(&mut points.iter().rev().copied()));
    hull
}

#[cfg(test)]
mod tests {
    use super::{convex_hull, smallest_rectangle};

    #[test]
    fn a_turned_rectangle_is_found() {
        for degrees in [-44.0_f64, -10.0, 0.0, 3.0, 45.0] {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let points = |n: i32| (0..=n).flat_map(move |i| (0..=n).map(move |j| [3.0 * i as f64, j as f64]));
            let turned: Vec<_> = points(5).map(|[x, y]| [cos * x - sin * y + 7.0, sin * x + cos * y]).collect();
            assert!((smallest_rectangle(turned) - degrees.to_radians()).abs() < 1e-12, "{degrees}");
        }
        assert_eq!(convex_hull(vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.5], [0.0, 1.0]]).len(), 4);
        assert_eq!(smallest_rectangle(vec![]), 0.0);
        assert_eq!(smallest_rectangle(vec![[1.0, 1.0]; 3]), 0.0);
    }
}
