//! The adaptive kernel fitted to one output pixel: its shape and its weights. The mathematical library of the system is not used, because the last
//! bits of its results differ between systems.

use std::f64::consts::{FRAC_PI_2, LOG2_E};

use crate::{Adaptive, AdaptiveKernel};

/// A kernel fitted to an output pixel.
pub(super) enum Ellipse {
    Gaussian(QuadraticForm),
    Hann(HannMatrix),
}

/// The Gaussian kernel exp(-(a dx² + 2b dx dy + c dy²)).
pub(super) struct QuadraticForm {
    pub(super) a: f64,
    pub(super) b: f64,
    pub(super) c: f64,
    /// Largest |dx| and |dy|.
    pub(super) radius: f64,
}

/// The Hann kernel, by the matrix J = [[j0, j1], [j2, j3]] from distances in the input to distances in padded output pixels.
pub(super) struct HannMatrix {
    pub(super) j: [f64; 4],
    /// Largest |dx| and |dy|.
    radii: [f64; 2],
}

impl Ellipse {
    /// `None` if the Jacobian is not finite.
    #[inline(always)]
    pub(super) fn new(jacobian: [f64; 4], adaptive: &Adaptive) -> Option<Ellipse> {
        match adaptive.kernel {
            AdaptiveKernel::Gaussian => {
                let form = QuadraticForm::new(jacobian, adaptive);
                form.radius.is_finite().then_some(Ellipse::Gaussian(form))
            }
            AdaptiveKernel::Hann => HannMatrix::new(jacobian).map(Ellipse::Hann),
        }
    }

    /// Largest |dx| and |dy| of pixels with weight.
    #[inline(always)]
    pub(super) fn radii(&self) -> [f64; 2] {
        match self {
            Ellipse::Gaussian(form) => [form.radius; 2],
            Ellipse::Hann(matrix) => matrix.radii,
        }
    }
}

impl QuadraticForm {
    /// JᵀJ = U s⁻² Uᵀ is a function of Ji Jiᵀ = U s² Uᵀ, so that the eigenvalues of the latter are sufficient. The radius is not finite if the
    /// Jacobian is not.
    ///
    /// All cases are computed and one is chosen, so that a loop over pixels has no branches.
    #[inline(always)]
    pub(super) fn new([xu, xv, yu, yv]: [f64; 4], adaptive: &Adaptive) -> QuadraticForm {
        let k = 2.0 / (adaptive.kernel_width * adaptive.kernel_width);
        let half = 0.5 * adaptive.sample_region_width;
        let (p, q, r) = (xu * xu + xv * xv, xu * yu + xv * yv, yu * yu + yv * yv);
        let (middle, apart) = (0.5 * (p + r), 0.5 * (p - r));
        let away = (apart * apart + q * q).sqrt();
        let (high, low) = (middle + away, middle - away);
        let radius = half * high.sqrt();
        let area = xu * yv - xv * yu;
        // If both singular values are above 1, the inverse matrix. If one is, the function 1 - slope (s² - low), which is 1/high at s² = high and,
        // since the other singular value is raised to 1, 1 at s² = low.
        let both = low >= 1.0;
        let choose = |both_above: f64, one_above: f64| if both { both_above } else { one_above };
        let scale = k / choose(area * area, high * (2.0 * away));
        let slope = scale * (high - 1.0);
        let a = choose(scale * r, k - slope * (p - low));
        let b = choose(-scale * q, -slope * q);
        let c = choose(scale * p, k - slope * (r - low));
        let fine = high <= 1.0;
        QuadraticForm {
            a: if fine { k } else { a },
            b: if fine { 0.0 } else { b },
            c: if fine { k } else { c },
            radius: if fine { half } else { radius },
        }
    }
}

impl HannMatrix {
    /// With E, F, G, H the even and odd parts of Ji, the singular values are s0 = Q + R and s1 = Q - R where Q = |(E, H)| and R = |(F, G)|. Raising
    /// them to 1 therefore scales (E, H) and (F, G). `None` if the Jacobian is not finite.
    fn new([xu, xv, yu, yv]: [f64; 4]) -> Option<HannMatrix> {
        let (e, f, g, h) = (0.5 * (xu + yv), 0.5 * (xu - yv), 0.5 * (yu + xv), 0.5 * (yu - xv));
        let (q, r) = ((e * e + h * h).sqrt(), (f * f + g * g).sqrt());
        let (s0, s1) = (q + r, q - r);
        if !s0.is_finite() {
            return None;
        }
        let (t0, t1) = (s0.max(1.0), s1.abs().max(1.0).copysign(s1));
        let (even, odd) = (0.5 * (t0 + t1), 0.5 * (t0 - t1));
        // A zero vector is taken to point along the first axis, as by atan2.
        let along = |x: f64, y: f64, length: f64, new: f64| {
            if length > 0.0 { [x / length * new, y / length * new] } else { [new, 0.0] }
        };
        let ([e, h], [f, g]) = (along(e, h, q, even), along(f, g, r, odd));
        let [xu, xv, yu, yv] = [e + f, g - h, g + h, e - f];
        let area = t0 * t1;
        Some(HannMatrix {
            j: [yv / area, -xv / area, -yu / area, xu / area],
            radii: [xu.abs() + xv.abs(), yu.abs() + yv.abs()],
        })
    }
}

/// The weight of a pixel at a distance (dx, dy), except for a constant factor.
pub(super) fn weight(ellipse: &Ellipse, [dx, dy]: [f64; 2]) -> f64 {
    match ellipse {
        Ellipse::Gaussian(QuadraticForm { a, b, c, .. }) => exp(-(a * dx * dx + 2.0 * b * dx * dy + c * dy * dy)),
        Ellipse::Hann(HannMatrix { j, .. }) => hann_window(j[0] * dx + j[1] * dy) * hann_window(j[2] * dx + j[3] * dy),
    }
}

/// (1 + cos πu)/2 = cos²(πu/2) with an error below 3e-16; 0 for |u| >= 1.
#[inline(always)]
pub(super) fn hann_window(u: f64) -> f64 {
    // cos v = 1 - v²/(1·2) (1 - v²/(3·4) (1 - …)), v² <= 2.5.
    const FACTORS: [f64; 11] = {
        let mut factors = [0.0; 11];
        let mut k = 0;
        while k < 11 {
            let n = 22.0 - 2.0 * k as f64;
            factors[k] = 1.0 / (n * (n - 1.0));
            k += 1;
        }
        factors
    };
    let z = (FRAC_PI_2 * u) * (FRAC_PI_2 * u);
    let cos = FACTORS.iter().fold(1.0, |inner, factor| 1.0 - z * factor * inner);
    if u.abs() < 1.0 { cos * cos } else { 0.0 }
}

/// 2^x for |x| <= 1000, with a relative error below 1e-14.
#[inline(always)]
pub(super) fn exp2(x: f64) -> f64 {
    /// 1.5 · 2⁵²: adding a number rounds it to an integer, which is then in the lowest bits of the sum.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// Polynomial through 2^(x/8) at the Chebyshev nodes of |x| <= 1/2, highest power first.
    const FACTORS: [f64; 7] = [
        5.87632515691665e-10,
        4.0693972313696274e-08,
        2.3481760473592045e-06,
        0.00010840646183821678,
        0.0037535391712360832,
        0.0866433975700056,
        1.0,
    ];
    let rounded = x + ROUND;
    let rest = x - (rounded - ROUND);
    let root = FACTORS.iter().skip(1).fold(FACTORS[0], |sum, factor| sum * rest + factor);
    let square = root * root;
    let fourth = square * square;
    // The multiplication by a power of 2 adds to the exponent.
    f64::from_bits((fourth * fourth).to_bits().wrapping_add(rounded.to_bits() << 52))
}

/// e^x for x <= 0; 0 below -690.
#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    if x < -690.0 { 0.0 } else { exp2(x * LOG2_E) }
}

#[cfg(test)]
mod tests {
    use super::{exp, hann_window};

    #[test]
    fn elementary_functions() {
        let mut worst = [0.0_f64; 2];
        for k in -690_000..=690_000 {
            let x = f64::from(k) * 1e-3;
            worst[0] = worst[0].max((exp(x) / x.exp() - 1.0).abs());
            let u = f64::from(k) * 1.6e-6;
            let wanted = if u.abs() < 1.0 { 0.5 * (1.0 + (std::f64::consts::PI * u).cos()) } else { 0.0 };
            worst[1] = worst[1].max((hann_window(u) - wanted).abs());
        }
        println!("exp {:e}, Hann {:e}", worst[0], worst[1]);
        assert!(worst[0] < 2e-13 && worst[1] < 5e-16, "{worst:?}");
        assert_eq!([hann_window(0.0), hann_window(1.0), exp(-1e9)], [1.0, 0.0, 0.0]);
    }
}
