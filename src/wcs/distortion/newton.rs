//! The inverse of a distortion: Newton's method in two dimensions, damped.

/// A map of the plane and its Jacobian `[[∂u/∂x, ∂u/∂y], [∂v/∂x, ∂v/∂y]]` at a point; `None` outside its domain.
pub(crate) type Linearised = ([f64; 2], [[f64; 2]; 2]);

/// More steps than any distortion needs that can be inverted at all; quadratic convergence takes five or so.
const STEPS: usize = 60;
/// Halvings of one step: 2^-30 of a Newton step that still does not help will not help.
const HALVINGS: usize = 30;

/// Finds `p` with `map(p) = target`, starting at `start`.
///
/// Goes on until a twentieth of `tolerance` is left or rounding ends the progress; what is left must then be below `tolerance`. `None`
/// if it does not converge, meets a singular Jacobian or leaves the map's domain.
pub(crate) fn invert(
    target: [f64; 2],
    start: [f64; 2],
    tolerance: f64,
    map: impl Fn([f64; 2]) -> Option<Linearised>,
) -> Option<[f64; 2]> {
    let residual_of = |value: [f64; 2]| [target[0] - value[0], target[1] - value[1]];
    // A sum, as a maximum would pass over NaN.
    let size = |r: [f64; 2]| r[0].abs() + r[1].abs();
    // A further step would only stir the rounding.
    let negligible = (2.0 * f64::EPSILON * size(target)).max(0.05 * tolerance);

    let mut point = start;
    let (value, mut jacobian) = map(point)?;
    let mut residual = residual_of(value);
    if !size(residual).is_finite() {
        return None;
    }
    for _ in 0..STEPS {
        if size(residual) <= negligible {
            return Some(point);
        }
        let [[a, b], [c, d]] = jacobian;
        let determinant = a * d - b * c;
        let mut step =
            [(d * residual[0] - b * residual[1]) / determinant, (a * residual[1] - c * residual[0]) / determinant];
        if !size(step).is_finite() {
            break;
        }
        let mut improved = false;
        for _ in 0..HALVINGS {
            let candidate = [point[0] + step[0], point[1] + step[1]];
            if let Some((value, slope)) = map(candidate) {
                let left = residual_of(value);
                if size(left) < size(residual) {
                    (point, residual, jacobian, improved) = (candidate, left, slope, true);
                    break;
                }
            }
            if size(residual) <= tolerance {
                break;
            }
            step = step.map(|s| 0.5 * s);
        }
        if !improved {
            break;
        }
    }
    (size(residual) <= tolerance).then_some(point)
}

#[cfg(test)]
mod tests {
    use super::invert;

    #[test]
    fn a_cubic_is_inverted_and_its_far_side_is_refused() {
        // x + 0.1 x³ has an inverse everywhere, x - 0.1 x³ only for |x| < 1.83.
        let map = |sign: f64| {
            move |[x, y]: [f64; 2]| {
                let cubic = |x: f64| (x + sign * 0.1 * x * x * x, 1.0 + sign * 0.3 * x * x);
                let ((u, du), (v, dv)) = (cubic(x), cubic(y));
                Some(([u, v], [[du, 0.0], [0.0, dv]]))
            }
        };
        let target = map(1.0)([3.0, -4.0]).unwrap().0;
        let found = invert(target, target, 1e-12, map(1.0)).unwrap();
        assert!((found[0] - 3.0).abs() < 1e-14 && (found[1] + 4.0).abs() < 1e-14, "{found:?}");
        // The other coordinate beyond its maximum: no root on this side, and no panic.
        let found = invert([1.3, 0.0], [1.3, 0.0], 1e-12, map(-1.0));
        assert!(found.is_none() || found.unwrap()[0] < -1.8, "{found:?}");
        assert_eq!(invert([f64::NAN, 0.0], [0.0, 0.0], 1e-12, map(1.0)), None);
        assert_eq!(invert([1.0, 1.0], [0.0, 0.0], 1e-12, |_| Some(([0.0; 2], [[0.0; 2]; 2]))), None);
        assert_eq!(invert([1.0, 1.0], [0.0, 0.0], 1e-12, |_| None), None);
    }
}
