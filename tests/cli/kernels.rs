//! Kernels and their parameters, by name.

use ndarray::ArrayD;
use skymosaic::{
    Adaptive, AdaptiveKernel, Boundary, Drizzle, DrizzleKernel, Flux, Hdu, Header, Input, Missing, Options, Resample,
    Wcs, reproject_and_coadd,
};

use crate::{Folder, pixels, wcs};

/// Pixels 1.3 times as long, turned by 20°.
const TARGET: &str = "NAXIS = 2\nNAXIS1 = 36\nNAXIS2 = 28\nCTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = 150.0\nCRVAL2 = 10.0\n\
    CRPIX1 = 18.2\nCRPIX2 = 14.4\nCD1_1 = -3.4e-4\nCD1_2 = 1.2e-4\nCD2_1 = 1.2e-4\nCD2_2 = 3.4e-4\nRADESYS = 'ICRS'\n";

fn folder() -> Folder {
    let folder = Folder::new();
    let mut image = pixels();
    image[[10, 20]] = f32::NAN;
    image[[11, 8]] = 1000.0;
    folder.write("a.fits", &wcs(150.0), &image);
    std::fs::write(folder.path("target.hdr"), TARGET).unwrap();
    folder
}

/// Every option does what its namesake in the library does, and something at all.
#[test]
fn parameters_reach_the_kernel() {
    let folder = folder();
    let adaptive = |adaptive| Options::default().resample(Resample::Adaptive(adaptive));
    let drizzle = |drizzle| Options::default().resample(Resample::Drizzle(drizzle));
    let with = |resample| Options::default().resample(resample);
    let cases = [
        ("cubic", with(Resample::Cubic)),
        ("bilinear --flux surface-brightness --missing propagate", with(Resample::Bilinear)),
        ("bilinear --flux conserve", with(Resample::Bilinear).flux(Flux::Conserve)),
        ("exact --flux conserve", with(Resample::Exact).flux(Flux::Conserve)),
        ("lanczos3 --antialias", with(Resample::Lanczos3).antialias(true)),
        ("bicubic --missing renormalize", with(Resample::Bicubic).missing(Missing::Renormalize { min_weight: 0.5 })),
        ("exact --missing renormalize=0.05", with(Resample::Exact).missing(Missing::Renormalize { min_weight: 0.05 })),
        ("drizzle", drizzle(Drizzle::default())),
        ("drizzle --pixfrac 0.7", drizzle(Drizzle::default().pixfrac(0.7))),
        ("drizzle --drizzle-kernel point", drizzle(Drizzle::default().kernel(DrizzleKernel::Point))),
        ("drizzle --drizzle-kernel turbo", drizzle(Drizzle::default().kernel(DrizzleKernel::Turbo))),
        (
            "drizzle --drizzle-kernel gaussian --pixfrac 0.9",
            drizzle(Drizzle::default().kernel(DrizzleKernel::Gaussian).pixfrac(0.9)),
        ),
        ("adaptive", adaptive(Adaptive::default())),
        ("adaptive --adaptive-kernel hann", adaptive(Adaptive::default().kernel(AdaptiveKernel::Hann))),
        ("adaptive --kernel-width 1.7", adaptive(Adaptive::default().kernel_width(1.7))),
        ("adaptive --sample-region-width 3", adaptive(Adaptive::default().sample_region_width(3.0))),
        ("adaptive --center-jacobian", adaptive(Adaptive::default().center_jacobian(true))),
        ("adaptive --despike-jacobian", adaptive(Adaptive::default().despike_jacobian(true))),
        ("adaptive --bad-fill -7", adaptive(Adaptive::default().bad_fill(Some(-7.0)))),
        ("adaptive --x-cyclic", adaptive(Adaptive::default().x_cyclic(true))),
        ("adaptive --y-cyclic", adaptive(Adaptive::default().y_cyclic(true))),
        ("adaptive --boundary ignore", adaptive(Adaptive::default().boundary(Boundary::Ignore))),
        ("adaptive --boundary nearest", adaptive(Adaptive::default().boundary(Boundary::Nearest))),
        (
            "adaptive --boundary constant=-3.5",
            adaptive(Adaptive::default().boundary(Boundary::Constant { value: -3.5 })),
        ),
        (
            "adaptive --boundary grid-constant=2",
            adaptive(Adaptive::default().boundary(Boundary::GridConstant { value: 2.0 })),
        ),
        (
            "adaptive --boundary ignore-threshold=0.2",
            adaptive(Adaptive::default().boundary(Boundary::IgnoreThreshold { threshold: 0.2 })),
        ),
    ];
    let target = Wcs::from_header(&Header::parse(TARGET).unwrap()).unwrap();
    let mut seen: Vec<(&str, ArrayD<f64>)> = Vec::new();
    for (arguments, options) in cases {
        folder.make(&format!(
            "mosaic --dtype f64 --overwrite --target target.hdr -o out.fits a.fits --resample {arguments}"
        ));
        let got = folder.pixels("out.fits");
        let inputs = [Input::from_fits(folder.path("a.fits"), &Hdu::First).unwrap()];
        let mut wanted = ArrayD::<f64>::zeros(got.shape());
        let mut footprint = wanted.clone();
        reproject_and_coadd(&inputs, &target, wanted.view_mut(), footprint.view_mut(), &options).unwrap();
        let same = |a: &ArrayD<f64>, b: &ArrayD<f64>| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same(&got, &wanted), "{arguments}");
        // Jacobians of a tangent plane do not stand out, nor do those of centres and edges differ by much.
        let alike = seen.iter().find(|(_, other)| same(other, &got)).map(|(name, _)| *name);
        assert!(alike.is_none() || arguments.contains("despike"), "{arguments} does what {alike:?} does");
        seen.push((arguments, got));
    }
}

#[test]
fn what_a_kernel_does_not_use_is_refused() {
    let folder = folder();
    for (arguments, words) in [
        ("exact --antialias", ["--antialias", "interpolate"]),
        ("drizzle --antialias", ["--antialias", "interpolate"]),
        ("adaptive --antialias", ["--antialias", "interpolate"]),
        ("drizzle --missing propagate", ["--missing", "drizzle"]),
        ("adaptive --bad-fill 0 --missing renormalize", ["--missing", "--bad-fill"]),
        ("bilinear --pixfrac 0.5", ["--pixfrac", "--resample drizzle"]),
        ("drizzle --drizzle-kernel point --pixfrac 0.5", ["--pixfrac", "point"]),
        ("exact --drizzle-kernel square", ["--drizzle-kernel", "--resample drizzle"]),
        ("drizzle --adaptive-kernel hann", ["--adaptive-kernel", "--resample adaptive"]),
        ("bicubic --kernel-width 1.3", ["--kernel-width", "adaptive"]),
        ("adaptive --adaptive-kernel hann --kernel-width 1.3", ["--kernel-width", "Gaussian"]),
        ("adaptive --adaptive-kernel hann --sample-region-width 3", ["--sample-region-width", "Gaussian"]),
        ("nearest --center-jacobian", ["--center-jacobian", "--resample adaptive"]),
        ("cubic --despike-jacobian", ["--despike-jacobian", "--resample adaptive"]),
        ("lanczos2 --boundary ignore", ["--boundary", "--resample adaptive"]),
        ("nearest --x-cyclic", ["--x-cyclic", "--resample adaptive"]),
        ("exact --bad-fill 0", ["--bad-fill", "--resample adaptive"]),
        // And what no kernel can use.
        ("bilinear --flux counts", ["--flux", "conserve"]),
        ("bilinear --missing renormalize=0", ["--missing", "above 0"]),
        ("bilinear --missing ignore", ["--missing", "propagate"]),
        ("drizzle --pixfrac 0", ["pixfrac", "0 < pixfrac <= 1"]),
        ("drizzle --pixfrac 1.5", ["pixfrac", "0 < pixfrac <= 1"]),
        ("drizzle --drizzle-kernel lanczos3", ["--drizzle-kernel", "turbo"]),
        ("adaptive --kernel-width -1", ["kernel_width", "positive"]),
        ("adaptive --boundary constant", ["--boundary", "constant=VALUE"]),
        ("adaptive --boundary strict=1", ["--boundary", "strict"]),
        ("adaptive --boundary ignore-threshold=2", ["threshold", "<= 1"]),
        ("adaptive --adaptive-kernel box", ["--adaptive-kernel", "hann"]),
        ("sinc", ["--resample", "lanczos3"]),
    ] {
        folder.refuse(&format!("mosaic --target target.hdr -o out.fits a.fits --resample {arguments}"), 2, &words);
    }
}
