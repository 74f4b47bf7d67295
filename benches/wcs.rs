//! Cost of the exact map between two WCS, per point.

use criterion::{Criterion, Throughput};
use skymosaic::{Header, PixelMap, Wcs, WcsMap};
use std::hint::black_box;

const POINTS: usize = 4096;

/// An image of a projection, `scale` degrees a pixel, with other cards.
fn wcs(code: &str, crval: [f64; 2], scale: f64, cards: &str) -> Option<Wcs> {
    let text = format!(
        "CTYPE1 = 'RA---{code}'\nCTYPE2 = 'DEC--{code}'\nCRPIX1 = 500\nCRPIX2 = 500\nCRVAL1 = {:?}\nCRVAL2 = {:?}\n\
         CD1_1 = {:?}\nCD1_2 = {:?}\nCD2_1 = {:?}\nCD2_2 = {:?}\n{cards}",
        crval[0],
        crval[1],
        -scale,
        0.1 * scale,
        0.1 * scale,
        scale
    );
    Wcs::from_header(&Header::parse(&text).ok()?).ok()
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("exact");
    group.throughput(Throughput::Elements(POINTS as u64));
    let sip = "A_ORDER = 3\nB_ORDER = 3\nA_2_0 = 1E-6\nA_1_1 = -2E-6\nA_3_0 = 1E-10\nB_0_2 = 3E-6\nB_2_1 = 2E-10";
    let narrow = |code: &str| (code.to_owned(), wcs(code, [150.0, 30.0], 1e-4, ""));
    let wide = |code: &str| (code.to_owned(), wcs(code, [150.0, 0.0], 0.1, ""));
    let cases = [
        (narrow("TAN"), narrow("TAN")),
        (narrow("SIN"), narrow("TAN")),
        (narrow("ARC"), narrow("TAN")),
        (narrow("ZEA"), narrow("TAN")),
        (narrow("STG"), narrow("TAN")),
        (narrow("TAN"), ("TAN-SIP".to_owned(), wcs("TAN-SIP", [150.0, 30.0], 1e-4, sip))),
        (("TAN-SIP".to_owned(), wcs("TAN-SIP", [150.0, 30.0], 1e-4, sip)), narrow("TAN")),
        (wide("CAR"), wide("AIT")),
        (wide("AIT"), wide("CAR")),
        (wide("CAR"), wide("HPX")),
        (wide("CAR"), wide("MOL")),
        (wide("CAR"), wide("ZEA")),
    ];
    for ((name, target), (other, input)) in &cases {
        let (Some(target), Some(input)) = (target, input) else { continue };
        let Ok(map) = WcsMap::new(target, input) else { continue };
        group.bench_function(format!("{other} to {name}"), |bencher| {
            let (mut x, mut y) = (vec![0.0; POINTS], vec![0.0; POINTS]);
            bencher.iter(|| {
                for (k, (x, y)) in x.iter_mut().zip(&mut y).enumerate() {
                    (*x, *y) = ((k % 64) as f64 * 15.7, (k / 64) as f64 * 15.7);
                }
                map.to_input(&mut x, &mut y);
                black_box((&x, &y));
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
