//! Frames against astropy: the table of tests/golden/make_frames.py.

use super::Frame;
use crate::header::Header;
use serde_json::Value;

fn table() -> Value {
    serde_json::from_str(include_str!("../../../tests/golden/frames.json")).unwrap()
}

fn frame(row: &Value) -> Frame {
    let equinox = row["equinox"].as_f64().unwrap_or(f64::NAN);
    match row["kind"].as_str().unwrap() {
        "icrs" => Frame::Icrs,
        "fk5" => Frame::Fk5 { equinox },
        "galactic" => Frame::Galactic,
        "supergalactic" => Frame::Supergalactic,
        "ecliptic" => Frame::Ecliptic { equinox },
        kind => {
            let Frame::Fk4 { obstime, .. } = Frame::fk4(equinox) else { unreachable!() };
            let obstime = row["obstime"].as_f64().unwrap_or(obstime);
            Frame::Fk4 { equinox, obstime, no_e: kind == "fk4-no-e" }
        }
    }
}

fn vector(lon: f64, lat: f64) -> [f64; 3] {
    let ((sl, cl), (sb, cb)) = (lon.to_radians().sin_cos(), lat.to_radians().sin_cos());
    [cb * cl, cb * sl, sb]
}

#[test]
fn every_pair_agrees_with_astropy() {
    let table = table();
    let frames: Vec<Frame> = table["frames"].as_array().unwrap().iter().map(frame).collect();
    let mut worst = 0.0_f64;
    for pair in table["pairs"].as_array().unwrap() {
        let (from, to) = (&frames[pair[0].as_u64().unwrap() as usize], &frames[pair[1].as_u64().unwrap() as usize]);
        let map = from.to(to).unwrap();
        let mut worst_pair = 0.0_f64;
        for row in pair[2].as_array().unwrap() {
            let number = |i: usize| row[i].as_f64().unwrap();
            let got = map.apply(vector(number(0), number(1)));
            let want = vector(number(2), number(3));
            let distance = (0..3).map(|i| (got[i] - want[i]).powi(2)).sum::<f64>().sqrt();
            worst_pair = worst_pair.max(distance.to_degrees() * 3.6e6);
        }
        println!("{from:?} -> {to:?}: {worst_pair:.1e} mas");
        assert!(worst_pair < 1e-4, "{from:?} -> {to:?}: {worst_pair} mas");
        worst = worst.max(worst_pair);
    }
    println!("worst of all pairs: {worst:.1e} mas");
}

#[test]
fn headers_are_read_as_astropy_reads_them() {
    for case in table()["headers"].as_array().unwrap() {
        let mut header = Header::new();
        for (keyword, value) in case[0].as_object().unwrap() {
            match value {
                Value::String(text) => header.set(keyword, text.as_str(), ""),
                value => header.set(keyword, value.as_f64().unwrap(), ""),
            }
        }
        let ctype = |keyword: &str| header.text(keyword).unwrap().unwrap()[..4].to_owned();
        let got = Frame::from_header(&header, &ctype("CTYPE1"), &ctype("CTYPE2"), None);
        let want = &case[1];
        let Some(kind) = want[0].as_str() else {
            assert!(got.is_err(), "{case}: {got:?}");
            continue;
        };
        let want = frame(&serde_json::json!({ "kind": kind, "equinox": want[1], "obstime": want[2] }));
        let got = got.unwrap();
        match (&got, &want) {
            (Frame::Fk4 { equinox, obstime, no_e }, Frame::Fk4 { equinox: e, obstime: o, no_e: n }) => {
                assert!(equinox == e && no_e == n && (obstime - o).abs() < 1e-9, "{case}: {got:?}");
            }
            _ => assert_eq!(got, want, "{case}"),
        }
        let mut written = Header::new();
        got.write(&mut written);
        let (lon, lat) = got.axis_types();
        assert_eq!(Frame::from_header(&written, lon, lat, None).unwrap(), got);
    }
}

#[test]
fn ecliptic_axes_are_not_taken_for_equatorial_ones() {
    // astropy takes them for the RADESYS frame, which is wrong by up to the obliquity.
    let mut header = Header::new();
    assert_eq!(Frame::from_header(&header, "ELON", "ELAT", None).unwrap(), Frame::Ecliptic { equinox: 2000.0 });
    header.set("EQUINOX", 2015.5, "");
    assert_eq!(Frame::from_header(&header, "ELON", "ELAT", None).unwrap(), Frame::Ecliptic { equinox: 2015.5 });
    // Of a Besselian equinox the date counts.
    header.set("EQUINOX", 1950.0, "");
    let Frame::Ecliptic { equinox } = Frame::from_header(&header, "ELON", "ELAT", None).unwrap() else { panic!() };
    assert!((equinox - 1949.99979).abs() < 1e-5, "{equinox}");
}

#[test]
fn alternatives_have_their_own_cards() {
    let mut header = Header::new();
    header.set("RADESYSA", "FK5", "");
    header.set("EQUINOXA", 1991.25, "");
    header.set("EPOCH", 1900.0, "");
    assert_eq!(Frame::from_header(&header, "RA", "DEC", Some('A')).unwrap(), Frame::Fk5 { equinox: 1991.25 });
    assert_eq!(Frame::from_header(&header, "RA", "DEC", Some('B')).unwrap(), Frame::Icrs);
    assert_eq!(Frame::from_header(&header, "RA", "DEC", None).unwrap(), Frame::fk4(1900.0));
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    for (keyword, value) in [("EQUINOX", f64::NAN), ("EPOCH", 0.0), ("EQUINOX", -1e300), ("EPOCH", f64::INFINITY)] {
        let mut header = Header::new();
        header.set(keyword, value, "");
        let message = Frame::from_header(&header, "RA", "DEC", None).unwrap_err().to_string();
        assert!(message.starts_with(keyword), "{message}");
    }
    let mut header = Header::new();
    header.set("RADESYS", "GAPPT", "");
    let message = Frame::from_header(&header, "RA", "DEC", None).unwrap_err().to_string();
    assert!(message.starts_with("RADESYS = GAPPT"), "{message}");
}

#[test]
fn unknown_pairs_map_onto_their_own_kind_only() {
    let pair = |lon: &str, lat: &str| Frame::Unknown { lon: lon.to_owned(), lat: lat.to_owned() };
    let solar = Frame::from_header(&Header::new(), "HPLN", "HPLT", None).unwrap();
    assert_eq!(solar, pair("HPLN", "HPLT"));
    assert!(solar.to(&solar).unwrap().rotation().is_some());
    for other in [Frame::Icrs, Frame::fk4(1950.0), Frame::Galactic, pair("MALN", "MALT")] {
        assert!(solar.to(&other).is_err() && other.to(&solar).is_err());
    }
}
