//! Every projection of the FITS standard against wcslib: random headers, both directions, and what is undefined.
//!
//! The data come from `golden/make_wcs.py`, which says what they hold and which points it leaves out.

use skymosaic::{Header, Wcs, WcsOptions};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

/// Degrees on the sky and pixels: the agreement with wcslib that the library promises.
const SKY: f64 = 1e-9;
const PIXEL: f64 = 1e-6;

/// Shape and data of a `.npy` file as little-endian bytes.
fn npy(name: &str) -> Result<(Vec<usize>, Vec<u8>), Box<dyn Error>> {
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name))?;
    let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = std::str::from_utf8(&bytes[10..10 + length])?;
    let shape = text.split_once("'shape': (").and_then(|(_, rest)| rest.split_once(')')).ok_or("no shape")?.0;
    let shape = shape.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::parse).collect::<Result<_, _>>()?;
    Ok((shape, bytes[10 + length..].to_vec()))
}

/// Header and alternative letter of a line of `wcs.txt`.
fn header(line: &str) -> Result<(Header, Option<char>), Box<dyn Error>> {
    let (cards, alternative) = line.rsplit_once('|').ok_or("no alternative")?;
    let text: Vec<String> = cards.split(';').map(|card| card.replacen('=', " = ", 1)).collect();
    Ok((Header::parse(&text.join("\n"))?, alternative.chars().next()))
}

fn read(line: &str) -> Result<Wcs, Box<dyn Error>> {
    let (header, alternative) = header(line)?;
    let mut options = WcsOptions::default();
    options.alternative = alternative;
    Ok(Wcs::from_header_with(&header, &options)?)
}

fn separation(a: [f64; 2], b: [f64; 2]) -> f64 {
    let vector = |[lon, lat]: [f64; 2]| {
        let ((sin_lon, cos_lon), (sin_lat, cos_lat)) = (lon.to_radians().sin_cos(), lat.to_radians().sin_cos());
        [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat]
    };
    let (a, b) = (vector(a), vector(b));
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt().to_degrees()
}

fn code(line: &str) -> String {
    line.split(';')
        .find(|card| {
            card.starts_with("CTYPE") && (card.contains("LN-") || card.contains("LON-") || card.contains("RA--"))
        })
        .and_then(|card| card.split_once("='"))
        .and_then(|(_, ctype)| ctype.get(5..8))
        .unwrap_or("?")
        .to_owned()
}

#[derive(Default)]
struct Worst {
    sky: f64,
    pixel: f64,
    points: usize,
    undefined: usize,
}

#[test]
fn agrees_with_wcslib() -> Result<(), Box<dyn Error>> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/wcs.txt"))?;
    let (shape, input) = npy("wcs_in.npy")?;
    let (_, output) = npy("wcs_out.npy")?;
    let points = shape[2];
    let (input, _) = input.as_chunks::<4>();
    let (output, _) = output.as_chunks::<8>();
    let mut value =
        input.iter().map(|b| f64::from(f32::from_le_bytes(*b))).zip(output.iter().map(|b| f64::from_le_bytes(*b)));
    let mut pair = || value.next().zip(value.next()).map(|((a, c), (b, d))| ([a, b], [c, d])).ok_or("data end early");
    let mut worst: BTreeMap<String, Worst> = BTreeMap::new();
    let mut failures = Vec::new();
    let lines = text.lines().skip(1).filter(|line| !line.starts_with('!'));
    for line in lines {
        let wcs = match read(line) {
            Ok(wcs) => wcs,
            Err(error) => {
                failures.push(format!("{error}: {line}"));
                (0..2 * points).try_for_each(|_| pair().map(|_| ()))?;
                continue;
            }
        };
        let entry = worst.entry(code(line)).or_default();
        for direction in 0..2 {
            for _ in 0..points {
                let (from, expected) = pair()?;
                let (mut x, mut y) = ([from[0]], [from[1]]);
                let (error, limit) = if direction == 0 {
                    wcs.pixel_to_celestial(&mut x, &mut y);
                    (separation([x[0], y[0]], expected), SKY)
                } else {
                    wcs.celestial_to_pixel(&mut x, &mut y);
                    ((x[0] - expected[0]).hypot(y[0] - expected[1]), PIXEL)
                };
                entry.points += 1;
                let undefined = [x[0].is_nan() || y[0].is_nan(), expected[0].is_nan() || expected[1].is_nan()];
                if undefined == [true; 2] {
                    entry.undefined += 1;
                } else if undefined[0] != undefined[1] || error > limit {
                    failures.push(format!(
                        "{} {from:?}: {:?}, wcslib {expected:?}, off by {error:e}: {line}",
                        ["pixel", "sky"][direction],
                        [x[0], y[0]]
                    ));
                }
                let slot = if direction == 0 { &mut entry.sky } else { &mut entry.pixel };
                *slot = slot.max(error);
            }
        }
    }
    println!("{:>5} {:>7} {:>10} {:>12} {:>12}", "", "points", "undefined", "sky, degree", "pixel");
    for (code, w) in &worst {
        println!("{code:>5} {:>7} {:>10} {:>12.1e} {:>12.1e}", w.points, w.undefined, w.sky, w.pixel);
    }
    // A few of every projection.
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    failures.sort_by_cached_key(|failure| {
        let count = seen.entry(code(failure)).or_default();
        *count += 1;
        *count
    });
    let shown: Vec<&str> = failures.iter().take(60).map(String::as_str).collect();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), shown.join("\n"));
    Ok(())
}

#[test]
fn refuses_what_wcslib_refuses() -> Result<(), Box<dyn Error>> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/wcs.txt"))?;
    let refused: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let accepted: Vec<&&str> = refused.iter().filter(|line| read(line).is_ok()).collect();
    println!("{} headers", refused.len());
    assert!(accepted.is_empty(), "{} of {} accepted:\n{accepted:#?}", accepted.len(), refused.len());
    Ok(())
}

/// HPX with its origin moved (golden/make_hpx.py, which says how wcslib is asked).
#[test]
fn moved_healpix_agrees_with_wcslib() -> Result<(), Box<dyn Error>> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/hpx.json"))?;
    let golden: serde_json::Value = serde_json::from_str(&text)?;
    let headers = golden["headers"].as_array().ok_or("no headers")?;
    let (mut worst, mut undefined) = ([0.0_f64; 2], 0);
    for case in headers {
        let cards = case["header"].as_str().ok_or("no cards")?;
        let wcs = Wcs::from_header(&Header::parse(cards)?)?;
        let points: [Vec<[Option<f64>; 2]>; 3] = [0, 1, 2].map(|n| {
            let key = ["pixel", "sky", "back"][n];
            serde_json::from_value(case[key].clone()).unwrap_or_else(|error| panic!("{key}: {error}"))
        });
        for ((pixel, sky), back) in points[0].iter().zip(&points[1]).zip(&points[2]) {
            let pixel = pixel.map(|value| value.unwrap_or(f64::NAN));
            let (mut lon, mut lat) = ([pixel[0]], [pixel[1]]);
            wcs.pixel_to_celestial(&mut lon, &mut lat);
            let [Some(sky_lon), Some(sky_lat)] = *sky else {
                undefined += 1;
                assert!(lon[0].is_nan() && lat[0].is_nan(), "{pixel:?} is undefined:\n{cards}");
                continue;
            };
            let error = separation([lon[0], lat[0]], [sky_lon, sky_lat]);
            assert!(error <= SKY, "{pixel:?} is {lon:?} {lat:?}, not {sky:?}:\n{cards}");
            worst[0] = worst[0].max(error);
            let (mut x, mut y) = ([sky_lon], [sky_lat]);
            wcs.celestial_to_pixel(&mut x, &mut y);
            let back = back.map(|value| value.unwrap_or(f64::NAN));
            let error = (x[0] - back[0]).hypot(y[0] - back[1]);
            assert!(error <= PIXEL, "{sky:?} is {x:?} {y:?}, not {back:?}:\n{cards}");
            worst[1] = worst[1].max(error);
        }
    }
    println!("{} headers, {undefined} undefined; sky {:.1e}°, pixel {:.1e}", headers.len(), worst[0], worst[1]);
    Ok(())
}
