//! Distortions against wcslib: the table of tests/golden/make_distortion.py, and cards that make no sense.

use super::{Interpreted, LookupTables, interpret};
use crate::error::Error;
use crate::header::Header;
use ndarray::Array2;
use serde_json::Value;

struct Tables(Vec<(String, i64, Header, Array2<f64>)>);

impl LookupTables for Tables {
    fn table(&self, extname: &str, extver: i64) -> Result<(Header, Array2<f64>), Error> {
        let found = self.0.iter().find(|(name, ver, ..)| name == extname && *ver == extver);
        found.map(|(.., header, data)| (header.clone(), data.clone())).ok_or(Error::NoInputs)
    }
}

fn points(value: &Value) -> Vec<[f64; 2]> {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    value.as_array().unwrap().iter().map(|p| [number(&p[0]), number(&p[1])]).collect()
}

fn tables(case: &Value) -> Tables {
    let table = |table: &Value| {
        let rows: Vec<Vec<f64>> = serde_json::from_value(table["data"].clone()).unwrap();
        let data = Array2::from_shape_fn((rows.len(), rows[0].len()), |(y, x)| rows[y][x]);
        let header = Header::parse(table["header"].as_str().unwrap()).unwrap();
        (table["extname"].as_str().unwrap().to_owned(), table["extver"].as_i64().unwrap(), header, data)
    };
    Tables(case["tables"].as_array().unwrap().iter().map(table).collect())
}

#[test]
fn pixels_and_planes_agree_with_wcslib_both_ways() {
    let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/distortion.json")).unwrap();
    let mut worst = [0.0_f64; 4];
    for case in golden["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let header = Header::parse(case["header"].as_str().unwrap()).unwrap();
        let tables = tables(case);
        let suffix = if name.starts_with("alternative A") { "A" } else { "" };
        let Interpreted { header, pixel, plane } =
            interpret(&header, suffix.chars().next(), Some(&tables)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let number = |keyword: String| header.f64(&format!("{keyword}{suffix}")).unwrap().unwrap();
        let swapped = header.text(&format!("CTYPE1{suffix}")).unwrap().unwrap().starts_with("DEC");
        let crpix = [1, 2].map(|axis| number(format!("CRPIX{axis}")) - 1.0);
        let cd = [1, 2].map(|i| {
            let pc = |j| header.f64(&format!("PC{i}_{j}{suffix}")).unwrap().map(|pc| pc * number(format!("CDELT{i}")));
            [1, 2].map(|j| pc(j).unwrap_or_else(|| number(format!("CD{i}_{j}"))))
        });
        let determinant = cd[0][0] * cd[1][1] - cd[0][1] * cd[1][0];
        let swap = |[a, b]: [f64; 2]| if swapped { [b, a] } else { [a, b] };
        let golden = |key: &str| points(&case[key]);
        let mut worst_case = [0.0_f64; 4];
        for ((p, want_focal), want_plane) in golden("pixel").into_iter().zip(golden("focal")).zip(golden("plane")) {
            let focal = pixel.as_ref().map_or(Some(p), |d| d.forward(p[0], p[1])).unwrap();
            let offset = [focal[0] - crpix[0], focal[1] - crpix[1]];
            let linear = swap([0, 1].map(|i| cd[i][0] * offset[0] + cd[i][1] * offset[1]));
            let got = plane.as_ref().map_or(Some(linear), |d| d.forward(linear[0], linear[1])).unwrap();
            let got_plane = swap(got);
            let back = swap(plane.as_ref().map_or(Some(got), |d| d.inverse(got[0], got[1])).unwrap());
            let back = [
                (cd[1][1] * back[0] - cd[0][1] * back[1]) / determinant + crpix[0],
                (cd[0][0] * back[1] - cd[1][0] * back[0]) / determinant + crpix[1],
            ];
            let back_focal = back;
            let back = pixel.as_ref().map_or(Some(back), |d| d.inverse(back[0], back[1])).unwrap();
            for n in 0..2 {
                worst_case[0] = worst_case[0].max((focal[n] - want_focal[n]).abs());
                worst_case[1] = worst_case[1].max((got_plane[n] - want_plane[n]).abs());
                worst_case[2] = worst_case[2].max((back_focal[n] - focal[n]).abs());
                worst_case[3] = worst_case[3].max((back[n] - p[n]).abs());
            }
        }
        let [focal, plane, back_focal, back] = worst_case;
        println!("{name}: pixel side {focal:.1e} px, plane side {plane:.1e}°, back {back_focal:.1e}, {back:.1e} px");
        for (worst, case) in worst.iter_mut().zip(worst_case) {
            *worst = worst.max(case);
        }
        assert!(focal < 1e-9 && plane < 1e-12 && back < 1e-9, "{name}");
    }
    println!("worst: {worst:?}");
}

fn header(cards: &[(&str, &str)]) -> Header {
    let text: String = cards.iter().map(|(keyword, value)| format!("{keyword:<8}= {value}\n")).collect();
    Header::parse(&text).unwrap()
}

const TAN: [(&str, &str); 4] =
    [("CTYPE1", "'RA---TAN'"), ("CTYPE2", "'DEC--TAN'"), ("CRPIX1", "100.0"), ("CRPIX2", "100.0")];

fn with(cards: &[(&str, &str)]) -> Header {
    let all: Vec<_> =
        TAN.iter().filter(|(keyword, _)| cards.iter().all(|(k, _)| k != keyword)).chain(cards).copied().collect();
    header(&all)
}

#[test]
fn contradictory_cards_are_refused_by_name() {
    let wat = |list: &'static str| {
        [("CTYPE1", "'RA---TNX'"), ("CTYPE2", "'DEC--TNX'"), ("WAT1_001", list), ("WAT2_001", "'wtype=tnx'")]
    };
    let cases: Vec<(Vec<(&str, &str)>, &str)> = vec![
        (vec![("A_ORDER", "2"), ("A_2_0", "1e-5")], "B_ORDER"),
        (vec![("A_ORDER", "2"), ("B_ORDER", "1")], "B_ORDER"),
        (vec![("A_ORDER", "2"), ("B_ORDER", "12")], "B_ORDER"),
        (vec![("A_ORDER", "-3"), ("B_ORDER", "2")], "A_ORDER"),
        (vec![("A_2_0", "1e-5"), ("B_0_2", "1e-5")], "A_ORDER"),
        (vec![("A_ORDER", "1"), ("B_ORDER", "1"), ("A_1_0", "1e-5")], "A_ORDER"),
        (vec![("A_ORDER", "2"), ("B_ORDER", "2"), ("A_2_0", "'x'")], "A_2_0"),
        (vec![("A_ORDER", "2"), ("B_ORDER", "2"), ("AP_ORDER", "2")], "BP_ORDER"),
        (vec![("CTYPE1", "'RA---TPV'"), ("CTYPE2", "'DEC--TPV'"), ("PV1_40", "1.0")], "PV1_40"),
        (vec![("CTYPE1", "'RA---TPV'")], "CTYPE2"),
        (vec![("CTYPE1", "'RA---TNX'"), ("CTYPE2", "'DEC--TNX'")], "WAT1_001"),
        (wat("'lngcor = \"3. 3. 3. 2. 0. 1. 0. 1. 1. 2. 3. 4. 5.\"'").to_vec(), "WAT1_001"),
        (wat("'lngcor = \"3. 3. 3. 2. 0. 1. 0. 1. 1. 2. 3. 4. 5. x\"'").to_vec(), "WAT1_001"),
        (wat("'lngcor = \"4. 1. 1. 2. 0. 1. 0. 1. 1.\"'").to_vec(), "WAT1_001"),
        (wat("'lngcor = \"1. 1. 1. 2. 1. 1. 0. 1. 1.\"'").to_vec(), "WAT1_001"),
        (wat("'lngcor = \"1. 1e9 1. 2. 1. 1. 0. 1. 1.\"'").to_vec(), "WAT1_001"),
        (wat("'lngcor = \"1. 1.'").to_vec(), "WAT1_001"),
        (
            vec![
                ("CTYPE1", "'RA---ZPX'"),
                ("CTYPE2", "'DEC--ZPX'"),
                ("WAT1_001", "'wtype=zpx'"),
                ("WAT2_001", "'wtype=zpx'"),
            ],
            "WAT2_001",
        ),
        (vec![("CPDIS1", "'Polynomial'")], "CPDIS1"),
        (vec![("CPDIS2", "'Lookup'")], "CPDIS2"),
        (vec![("D2IMDIS1", "'Lookup'"), ("D2IM1", "'EXTVER: x'")], "D2IM1"),
        (vec![("AXISCORR", "3")], "AXISCORR"),
        (vec![("CQDIS1", "'TPD'")], "CQDIS1"),
        (vec![("AMDX1", "67.0"), ("AMDY1", "67.0"), ("PPO3", "1.0"), ("PLTRAH", "1")], "AMDX2"),
    ];
    for (cards, keyword) in cases {
        let message = interpret(&with(&cards), None, None).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{keyword} = ")), "{cards:?}: {message}");
    }
}

#[test]
fn what_astropy_ignores_is_ignored() {
    for cards in [
        &[("A_ORDER", "1"), ("B_ORDER", "1"), ("A_1_0", "0.0")][..],
        &[("AP_ORDER", "2"), ("BP_ORDER", "2"), ("AP_2_0", "1e-5")],
        &[("CTYPE1", "'RA---TAN-SIP'"), ("CTYPE2", "'DEC--TAN-SIP'")],
        &[("PV1_1", "1.0"), ("PV2_4", "2.0")],
        &[("WAT1_001", "'wtype=tan axtype=ra'"), ("WAT2_001", "'wtype=tan axtype=dec'")],
    ] {
        let Interpreted { header, pixel, plane } = interpret(&with(cards), None, None).unwrap();
        assert!(pixel.is_none() && plane.is_none(), "{cards:?}");
        assert_eq!(header.text("CTYPE1").unwrap(), Some("RA---TAN"));
    }
}

#[test]
fn no_coefficients_make_the_inverse_panic_or_lie() {
    let mut state = 7_u64;
    let mut random = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as f64 / 2f64.powi(31) - 0.5
    };
    let (mut found, mut all) = (0, 0);
    for round in 0..400 {
        let mut header = with(&[]);
        let size = 10f64.powf(14.0 * random());
        if round % 2 == 0 {
            for name in ["A", "B"] {
                header.set(&format!("{name}_ORDER"), 4_i64, "");
                for (i, j) in (0..5).flat_map(|i| (0..5 - i).map(move |j| (i, j))) {
                    header.set(&format!("{name}_{i}_{j}"), size * random(), "");
                }
            }
        } else {
            header.set("CTYPE1", "RA---TPV", "");
            header.set("CTYPE2", "DEC--TPV", "");
            for (axis, m) in [1, 2].into_iter().flat_map(|axis| (0..40).map(move |m| (axis, m))) {
                header.set(&format!("PV{axis}_{m}"), size * random(), "");
            }
        }
        let Interpreted { pixel, plane, .. } = interpret(&header, None, None).unwrap();
        for target in
            [[0.0, 0.0], [1e3 * random(), 1e3 * random()], [1e300, -1e300], [f64::NAN, 0.0], [f64::INFINITY, 1.0]]
        {
            let [x, y] = target;
            all += 1;
            if let Some(distortion) = &pixel {
                let _ = distortion.forward(x, y);
                if let Some([px, py]) = distortion.inverse(x, y) {
                    let back = distortion.forward(px, py).unwrap();
                    assert!((back[0] - x).abs() < 1e-9 && (back[1] - y).abs() < 1e-9, "{target:?} {back:?}");
                    found += 1;
                }
            }
            if let Some(distortion) = &plane {
                let _ = distortion.forward(x, y);
                if let Some([px, py]) = distortion.inverse(x, y) {
                    let back = distortion.forward(px, py).unwrap();
                    let tolerance = 2e-13 * x.abs().max(y.abs()) + 2e-15;
                    assert!(
                        (back[0] - x).abs() <= tolerance && (back[1] - y).abs() <= tolerance,
                        "{target:?} {back:?}"
                    );
                    found += 1;
                }
            }
        }
    }
    println!("{found} of {all} far targets inverted");
}

/// wcslib 8.6 exchanges ξ and η for TPV with latitude on the first axis, so that even PVi_1 = 1 is no identity: not a reference there.
#[test]
fn tpv_with_latitude_first_is_the_same_distortion() {
    let (mut straight, mut swapped) = (with(&[]), with(&[]));
    for (lon, lat, header) in [(1, 2, &mut straight), (2, 1, &mut swapped)] {
        header.set(&format!("CTYPE{lon}"), "RA---TPV", "");
        header.set(&format!("CTYPE{lat}"), "DEC--TPV", "");
        for (m, term) in [(0, 1e-4), (2, 1e-3), (3, 2e-3), (4, 0.3), (5, 0.2), (6, -0.1), (8, 0.7), (11, 0.4)] {
            header.set(&format!("PV{lon}_{m}"), term, "");
            header.set(&format!("PV{lat}_{m}"), -0.7 * term, "");
        }
    }
    let [straight, swapped] = [straight, swapped].map(|header| interpret(&header, None, None).unwrap().plane.unwrap());
    assert_eq!(straight, swapped);
    // Without any PVi_m it is a plain TAN.
    let plain = with(&[("CTYPE1", "'RA---TPV'"), ("CTYPE2", "'DEC--TPV'")]);
    assert_eq!(interpret(&plain, None, None).unwrap().plane.unwrap().forward(0.1, 0.2), Some([0.1, 0.2]));
}

/// IRAF cuts its strings after 68 characters wherever that is; a blank there is lost in FITS.
#[test]
fn a_wat_string_cut_at_a_blank_stays_two_numbers() {
    let text = "lngcor = \"3. 1. 2. 2. 0. 1. 0. 1. 0.25 0.5 \"";
    let (first, second) = text.split_at(text.find("0.5").unwrap());
    let first = format!("{:>width$}{first}", "wtype=tnx ", width = 68 - first.len());
    assert!(first.len() == 68 && first.ends_with(' '));
    let mut header = with(&[("CTYPE1", "'RA---TNX'"), ("CTYPE2", "'DEC--TNX'"), ("WAT2_001", "'wtype=tnx'")]);
    header.set("WAT1_001", first.as_str(), "");
    header.set("WAT1_002", second, "");
    let plane = interpret(&header, None, None).unwrap().plane.unwrap();
    assert_eq!(plane.forward(0.5, 0.25), Some([0.5 + 0.25 + 0.5 * 0.25, 0.25]));
}

#[test]
fn no_spoiled_card_makes_anything_panic() {
    let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/distortion.json")).unwrap();
    let spoilt = [
        "",
        "'x'",
        "1e308",
        "-1",
        "NaN",
        "T",
        "0.0",
        "1000000000000",
        "'AXIS.1: 9'",
        "'EXTVER: 1e99'",
        "'lngcor = \"1. '",
    ];
    let (mut read, mut refused) = (0, 0);
    for case in golden["cases"].as_array().unwrap() {
        let lines: Vec<&str> = case["header"].as_str().unwrap().lines().collect();
        let tables = tables(case);
        for (n, line) in lines.iter().enumerate() {
            // A few cards of each long list are enough.
            if n % 7 != 0 && lines.len() > 40 {
                continue;
            }
            for value in spoilt {
                let mut changed = lines.clone();
                let card = format!("{}= {value}", &line[..8.min(line.len())]);
                changed[n] = &card;
                if value.is_empty() {
                    changed.remove(n);
                }
                let Ok(header) = Header::parse(&changed.join("\n")) else { continue };
                for alternative in [None, Some('A')] {
                    match interpret(&header, alternative, Some(&tables)) {
                        Err(_) => refused += 1,
                        Ok(Interpreted { pixel, plane, .. }) => {
                            read += 1;
                            if let Some(pixel) = &pixel {
                                let _ = (pixel.forward(3.0, 700.0), pixel.inverse(3.0, 700.0));
                            }
                            if let Some(plane) = &plane {
                                let _ = (plane.forward(0.1, -0.2), plane.inverse(0.1, -0.2));
                            }
                        }
                    }
                }
            }
        }
    }
    println!("{read} spoiled headers read, {refused} refused");
    assert!(read > 0 && refused > 0);
}

#[test]
#[ignore = "measures"]
fn cost_per_point() {
    let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/distortion.json")).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let header = Header::parse(case["header"].as_str().unwrap()).unwrap();
        let Ok(Interpreted { pixel, plane, .. }) = interpret(&header, None, Some(&tables(case))) else { continue };
        let time = |map: &dyn Fn(f64, f64) -> Option<[f64; 2]>, scale: f64| {
            let start = std::time::Instant::now();
            let n = 100_000;
            let points = (0..n).filter_map(|i| map(scale * f64::from(i % 1000), scale * f64::from(i / 1000)));
            let sum: f64 = points.map(|p| p[0] + p[1]).sum();
            assert!(sum.is_finite());
            start.elapsed().as_nanos() as f64 / f64::from(n)
        };
        if let Some(d) = &pixel {
            let (forward, inverse) = (time(&|x, y| d.forward(x, y), 1.0), time(&|x, y| d.inverse(x, y), 1.0));
            println!("{name}: forward {forward:.1} ns, inverse {inverse:.1} ns");
        }
        if let Some(d) = &plane {
            let (forward, inverse) = (time(&|x, y| d.forward(x, y), 1e-4), time(&|x, y| d.inverse(x, y), 1e-4));
            println!("{name}: forward {forward:.1} ns, inverse {inverse:.1} ns");
        }
    }
}
